/// A group of backends that answer the same requests.
public struct Service: Sendable, Equatable {
  /// Its name.
  public var name: String
  /// What its backends are; decides what ready means.
  public var kind: ServiceKind
  /// The backends; never empty.
  public var backends: [Backend]
  /// What is spoken to them.
  public var `protocol`: ServiceProtocol
  /// The PROXY header that begins each connection to a backend; nil for none.
  public var sendProxy: ProxyProtocolVersion?
  /// The Host of requests to its backends; nil for what its kind and protocol say.
  public var host: BackendHost?
  /// How a backend is chosen.
  public var policy: BalancingPolicy
  /// How their certificates are verified; only used where ``ServiceProtocol/isSecure``.
  public var tls: BackendTLS
  /// How their health is watched; nil when it is not.
  public var health: HealthCheck?
  /// How long they are waited for.
  public var timeouts: ServiceTimeouts
  /// When a request is tried again elsewhere.
  public var retries: Retries
  /// When failing answers take a backend out for a while; nil for never.
  public var outliers: OutlierRule?
  /// How responses are compressed for clients that ask for it; nil when they pass as they are.
  public var compression: Compression?
  /// Most connections to one backend, over all workers; nil for no limit.
  public var maxConnections: Int?
  /// Most content of a request that is kept to tell a backend its length, in bytes; nil passes it on as it comes.
  public var requestBuffering: Int?
  /// Where it was written.
  public var origin: Origin
}

/// Kinds of model servers.
public enum ServiceKind: String, Sendable, CaseIterable {
  /// Any HTTP server.
  case http
  /// vLLM's OpenAI-compatible server.
  case vllm
  /// SGLang's runtime.
  case sglang
  /// Hugging Face Text Generation Inference.
  case tgi
  /// llama.cpp's llama-server.
  case llamaCpp = "llama.cpp"
  /// NVIDIA Triton Inference Server.
  case triton
  /// TensorFlow Serving.
  case tfServing = "tf-serving"
  /// Ollama.
  case ollama
}

extension ServiceKind {
  /// Whether requests cost time and change nothing, so that any of them may be repeated.
  public var isModelServer: Bool { self != .http }
}

/// What is spoken to backends.
public enum ServiceProtocol: String, Sendable, CaseIterable {
  /// HTTP/1.1 in the clear.
  case http1
  /// HTTP/1.1 over verified TLS.
  case https
  /// HTTP/2 in the clear, with prior knowledge (RFC 9113 §3.3).
  case h2c
  /// HTTP/2 over verified TLS.
  case h2
  /// Anything, passed on unread after the client's TLS handshake.
  case tcp
  /// The same over verified TLS.
  case tls

  /// Whether backends are spoken to over TLS.
  public var isSecure: Bool { self == .https || self == .h2 || self == .tls }
  /// Whether connections are passed on unread: routes lead here by the TLS server name alone.
  public var isPassage: Bool { self == .tcp || self == .tls }
  /// Whether HTTP/2 is spoken.
  public var isHTTP2: Bool { self == .h2 || self == .h2c }

  /// Whether a backend's URL may have the scheme of `other`: `https` for both versions over TLS, `http` for both
  /// in the clear.
  func agrees(with other: ServiceProtocol) -> Bool {
    isSecure == other.isSecure && isPassage == other.isPassage
  }
}

/// Versions of the PROXY protocol.
public enum ProxyProtocolVersion: String, Sendable, CaseIterable {
  /// A line of text.
  case v1
  /// Binary.
  case v2
}

/// The Host that backends are sent.
public enum BackendHost: Sendable, Equatable {
  /// The client's own.
  case client
  /// The backend's name, as it is written.
  case backend
  /// This one, with a port or without.
  case name(String)

  static func parse(_ text: String) throws(Invalid) -> BackendHost {
    switch text {
    case "client": return .client
    case "backend": return .backend
    default:
      let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      if !text.hasPrefix("["), parts.count == 2 {
        guard let port = decimal(String(parts[1])), (1...65535).contains(port) else {
          throw Invalid("\(quoted(text)) has no port after its colon", "write a name, or name:port")
        }
        return .name("\(try HostName.parse(String(parts[0]))):\(port)")
      }
      return .name(try HostName.parse(text))
    }
  }
}

extension Service {
  /// What the Host of requests to a backend is made of. Ollama on loopback refuses every name but local ones, and a
  /// server that is reached over TLS by its name is chosen by it.
  public func authority(of backend: Backend) -> String? {
    if `protocol`.isPassage { return nil }
    switch host {
    case .client: return nil
    case .name(let name): return name
    case .backend: return backend.address.authority(isSecure: `protocol`.isSecure)
    case nil:
      // What holds for one holds for all: a retry must not change whose name a request has.
      let isOwn = backends.contains {
        `protocol`.isSecure && $0.address.isName || kind == .ollama && $0.address.isLoopback
      }
      guard isOwn else { return nil }
      return backend.address.authority(isSecure: `protocol`.isSecure)
    }
  }
}

/// When failing answers to real requests take a backend out for a while.
public struct OutlierRule: Sendable, Equatable {
  /// Failures in a row.
  public var consecutiveFailures: Int
  /// How long the first ejection lasts.
  public var ejectionTime: Duration
  /// The most backends out at a time, in percent of all.
  public var maximumEjectionPercent: Int
}

/// How responses are compressed.
public struct Compression: Sendable, Equatable {
  /// Media types, lower-case: whole ones, or `text/*`.
  public var types: [String]
  /// Content that is known to be shorter passes as it is, in bytes.
  public var minimumBytes: Int
  /// From 1 (quick) to 9 (small).
  public var level: Int

  /// What is compressed when the file names no types.
  public static let defaultTypes = [
    "text/*", "application/json", "application/problem+json", "application/ld+json", "application/javascript",
    "application/manifest+json", "application/xml", "application/xhtml+xml", "application/wasm",
    "image/svg+xml",
  ]
}

/// How a backend is chosen among the healthy ones.
public enum BalancingPolicy: String, Sendable, CaseIterable {
  /// In turn, by weight.
  case roundRobin = "round-robin"
  /// The one with fewest requests under way for its weight.
  case leastRequest = "least-request"
  /// The one that is expected to give the first token soonest.
  case modelAware = "model-aware"

  /// What holds for a kind where the file says nothing.
  public static func standard(of kind: ServiceKind) -> BalancingPolicy {
    kind.isModelServer ? .modelAware : .leastRequest
  }
}

/// One server of a service.
public struct Backend: Sendable, Equatable {
  /// Where it is.
  public var address: BackendAddress
  /// Its share, from 1 to 1000.
  public var weight: Int
  /// Where it was written.
  public var origin: Origin
}

/// How backends' certificates are verified.
public struct BackendTLS: Sendable, Equatable {
  /// PEM files of trusted roots in place of the system's; absolute paths.
  public var roots: [String]
  /// Name sent as SNI and looked for in the certificate; nil for the backend's own host.
  public var serverName: String?
  /// Whether certificates are verified at all.
  public var verifies: Bool
  /// The certificate that is shown to backends that ask for one; nil for none.
  public var identity: CertificateFiles?
}

/// How long a backend is waited for; nil means for ever.
public struct ServiceTimeouts: Sendable, Equatable {
  /// Until the connection (and its TLS handshake) stands.
  public var connect: Duration
  /// From the end of the request to the end of the response's head.
  public var responseHead: Duration?
  /// From the response's head to the first byte of its body.
  public var firstByte: Duration?
  /// Between two bytes of the body.
  public var idle: Duration?
  /// How long an unused connection is kept for the next request.
  public var keepalive: Duration
  /// Whether `idle` was written: otherwise connections that are passed on have the limit of upgraded ones.
  public var writesIdle = false
}

/// When a request is tried again on another backend.
public struct Retries: Sendable, Equatable {
  /// Further attempts after the first.
  public var attempts: Int
  /// Retries may be at most this percentage of the service's requests.
  public var budgetPercent: Int
  /// After what; nil for what the kind of server says.
  public var conditions: [RetryCondition]?

  /// What holds for a kind where the file says nothing.
  public static func conditions(of kind: ServiceKind) -> [RetryCondition] {
    [.connectFailure, .reset, .responseTimeout]
      + (kind.isModelServer ? [429, 500, 502, 503, 504].map { .status($0) } : [])
  }
}

/// Something after which a request is tried again.
public enum RetryCondition: Sendable, Hashable, CustomStringConvertible {
  /// No connection came about.
  case connectFailure
  /// The connection ended before the answer.
  case reset
  /// No answer within its time.
  case responseTimeout
  /// An answer with this status.
  case status(Int)

  /// The most conditions of one service.
  static let maximumCount = 16

  static func parse(_ text: String) throws(Invalid) -> RetryCondition {
    switch text {
    case "connect-failure": return .connectFailure
    case "reset": return .reset
    case "response-timeout": return .responseTimeout
    default:
      guard let code = decimal(text), (400...599).contains(code) else {
        throw Invalid(
          "\(quoted(text)) is nothing after which a request is tried again",
          "known: connect-failure, reset, response-timeout, or a status from 400 to 599")
      }
      return .status(code)
    }
  }

  /// As it is written.
  public var description: String {
    switch self {
    case .connectFailure: "connect-failure"
    case .reset: "reset"
    case .responseTimeout: "response-timeout"
    case .status(let code): "\(code)"
    }
  }
}
