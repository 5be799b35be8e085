public import Proxy

/// A group of backends that answer the same requests.
public struct Service: Sendable, Equatable {
  /// Its name.
  public var name: String
  /// What its backends are; decides what ready means. Never `auto`: see ``isRecognized``.
  public var kind = ServiceKind.http
  /// Its kind is what its backends have been recognised as, `http` until then.
  public var isRecognized = false
  /// The backends; never empty, but where they are found while certd runs.
  public var backends: [Backend] = []
  /// Where its backends are found; nil where the file lists them.
  public var source: BackendSource?
  /// Groups that the backends stand in; none where all are the same.
  public var groups: [BackendGroup] = []
  /// What is spoken to them.
  public var `protocol` = ServiceProtocol.http1
  /// The PROXY header that begins each connection to a backend; nil for none.
  public var sendProxy: ProxyProtocol.Version?
  /// The Host of requests to its backends; nil for what its kind and protocol say.
  public var host: BackendHost?
  /// How their certificates are verified; only used where ``ServiceProtocol/isSecure``.
  public var tls = BackendTLS()
  /// How their health is watched; nil when it is not.
  public var health: HealthCheck?
  /// Where they tell of themselves.
  public var metrics = EngineMetricsPlace()
  /// Where they tell of their caches as these change; nil for nowhere.
  public var cacheEvents: CacheEventPlace?
  /// How the proxy uses them.
  public var rules = Settings.ServiceRules()
  /// Where it was written.
  public var origin: Origin
  /// The policy as it is written.
  public var policyName: String { rules.policy.word }
}

/// Kinds of model servers.
public enum ServiceKind: String, Sendable, CaseIterable {
  /// Any HTTP server.
  case http
  /// What a running certd recognises them as.
  case auto
  /// vLLM's OpenAI-compatible server.
  case vllm
  /// SGLang's runtime.
  case sglang
  /// TensorRT-LLM's OpenAI-compatible server, trtllm-serve.
  case tensorRTLLM = "tensorrt-llm"
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
  public var isModelServer: Bool { self != .http && self != .auto }
  /// Whether its engines work on all requests at once, so that one which gives nothing to anybody stands still: others load
  /// models for minutes, or have one request at a time.
  public var batches: Bool {
    self == .vllm || self == .sglang || self == .tgi || self == .tensorRTLLM
  }
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

/// One server of a service.
public struct Backend: Sendable, Equatable {
  /// Where it is.
  public var address: BackendAddress
  /// Its share, from 1 to 1000.
  public var weight = 1
  /// Where it tells of its cache as it changes; nil for where its service says.
  public var cacheEvents: CacheEventPlace?
  /// The group of its service that it stands in, by its place.
  public var group = 0
  /// Where it was written.
  public var origin: Origin
}

/// Backends that get requests together.
public struct BackendGroup: Sendable, Equatable {
  /// Those with the least number are asked first.
  public var priority = 0
  /// Its share among those of its priority.
  public var weight = 1
  /// Where it is; nil where nobody says.
  public var zone: String?
  /// Where it was written.
  public var origin: Origin
}

/// How backends' certificates are verified.
public struct BackendTLS: Sendable, Equatable {
  /// PEM files of trusted roots in place of the system's; absolute paths.
  public var roots: [String] = []
  /// Name sent as SNI and looked for in the certificate; nil for the backend's own host.
  public var serverName: String?
  /// Whether certificates are verified at all.
  public var verify = true
  /// The certificate that is shown to backends that ask for one; nil for none.
  public var identity: CertificateFiles?
}

/// Where engines tell of themselves.
public struct EngineMetricsPlace: Sendable, Equatable {
  /// Another port than that of requests; nil for what the kind says.
  public var port: UInt16?
  /// The path that is asked; nil for what the kind says.
  public var path: String?
}

/// Where engines tell of their caches as these change.
public struct CacheEventPlace: Sendable, Equatable {
  /// The host that is connected to; nil for the backend's own.
  public var host: String?
  /// The port of its publisher.
  public var port: UInt16 = 5557
  /// How the topics of its messages begin.
  public var topic = ""
}

extension Service {
  /// Where a backend tells of its cache as it changes; nil for nowhere.
  public func cacheEvents(of backend: Backend) -> CacheEventPlace? {
    guard let own = backend.cacheEvents else { return cacheEvents }
    var place = cacheEvents ?? CacheEventPlace()
    place.host = own.host
    place.port = own.port
    return place
  }
}

/// Something after which a request is tried again.
enum RetryCondition: ParsedText, Hashable {
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

  /// What holds for a kind where the file says nothing.
  static func usual(for kind: ServiceKind) -> [RetryCondition] {
    [.connectFailure, .reset, .responseTimeout]
      + (kind.isModelServer ? [429, 500, 502, 503, 504].map { .status($0) } : [])
  }
}
