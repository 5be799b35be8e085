public import Exchange
public import OS
public import TLS
public import Upstream

extension Settings {
  /// Backends that serve the same thing.
  public struct Service: Sendable {
    /// The name in the configuration.
    public var name: String
    /// The backends, at most `Balancer.maximumBackends`.
    public var backends: [Backend]
    /// Groups that the backends stand in; none where all are the same.
    public var groups: [Group] = []
    /// How they are used.
    public var rules: ServiceRules
    /// Where requests wait for its backends, over reloads.
    public var room: ServiceRoom
    /// What all workers share of it, over reloads.
    public var state: ServiceState
    /// No HTTP: connections whose server name leads here are passed on in TCP, unread, after the TLS handshake.
    public var isPassage = false
    /// A service.
    public init(
      name: String, backends: [Backend], rules: ServiceRules = ServiceRules(),
      room: ServiceRoom = ServiceRoom(), state: ServiceState = ServiceState()
    ) {
      self.state = state
      self.name = name
      self.room = room
      self.backends = backends
      self.rules = rules
    }
  }

  /// Backends that get requests together.
  public struct Group: Sendable, Equatable {
    /// Those with the least number are asked first.
    public var priority = 0
    /// Its share among those of its priority.
    public var weight = 1
    /// It is in another zone than this node.
    public var isElsewhere = false
    /// A group.
    public init(priority: Int = 0, weight: Int = 1, isElsewhere: Bool = false) {
      (self.priority, self.weight, self.isElsewhere) = (priority, weight, isElsewhere)
    }
  }

  /// How a service's backends are used. Fields have the names of the keys under `services.*` that they are read from,
  /// and their initial values are what holds where the file says nothing.
  public struct ServiceRules: Sendable, Equatable {
    /// How to choose a backend.
    public var policy = Balancer.Policy.leastRequest
    /// What of a request decides where policies send it that go by a key.
    public var hash = HashKey.session
    /// How much of its share of what is under way one backend may have before others get its keys, in percent; nil for all.
    public var balanceFactor: Int? = KeyTable.defaultBalanceFactor
    /// How long a backend that has become ready, or is back from an ejection, gets less than its share.
    public var slowStart = Milliseconds.never
    /// What keeps a client at a backend; nil for nothing.
    public var affinity: Affinity?
    /// How its groups share its requests, where it has some.
    public var groupRule = GroupRule()
    /// Time limits towards the backends.
    public var timeouts = Timeouts()
    /// When a request is sent once more.
    public var retries = Retries()
    /// When answers to real requests take a backend out for a while.
    public var outlierDetection = OutlierDetection()
    /// When another backend gets a request as well whose answer is late; nil for never.
    public var hedging: Hedging?
    /// How responses are compressed for clients that ask for it; nil when they pass as they are.
    public var compression: Compression?
    /// What may be under way at once, of all backends together.
    public var circuitBreakers = CircuitBreakers()
    /// Connections with work to one backend, of all workers together; nil for no limit.
    public var maxConnections: Int?
    /// Requests under way at one backend, of all workers together; nil for no limit.
    public var maxRequestsPerBackend: Int?
    /// Where those wait that no backend has room for.
    public var queue = Queue()
    /// How soon a backend that is out may be back: from one health check to the next.
    public var recheck: Milliseconds = 5000
    /// The most content of a request, in bytes, that is kept to tell an HTTP/1.1 backend its length where the client did
    /// not; nil passes it on in chunks as it comes.
    public var requestBuffering: Int?
    /// After how much silence a client of an event stream is sent a comment.
    public var heartbeat = Milliseconds.never
    /// How long a model engine may give nothing at all, beside what reading prompts takes, before requests that it has not
    /// begun to answer go elsewhere.
    public var progressTimeout = Milliseconds.never
    /// Engines are asked to tell what streams have used (OpenAI, `stream_options.include_usage`); clients that did not ask for
    /// it are not shown.
    public var includeUsage = false
    /// What the backends are shown as `Authorization: Bearer` in place of the client's key; nil for nothing.
    public var apiKey: EngineKey?
    /// Whether the key that a client has shown to its route is passed on.
    public var passKey = false
    /// How long a connection that is passed on unread may carry nothing.
    public var tunnelIdle = Limits().upgradeIdleTimeout
    /// What `progressTimeout` is where engines work on all requests at once.
    public static let batchingProgressTimeout: Milliseconds = 3000
    /// What `heartbeat` is where backends are model servers.
    public static let modelHeartbeat: Milliseconds = 15_000
    /// The defaults.
    public init() {}
  }

  /// A key of ours at the backends. Its description leaves it out.
  public struct EngineKey: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible {
    /// The key.
    public let text: String
    /// A key.
    public init(_ text: String) { self.text = text }
    /// Never the key.
    public var description: String { "(a key)" }
    /// Never the key.
    public var debugDescription: String { description }
  }

  /// Where requests wait while every backend has as many as it may.
  public struct Queue: Sendable, Equatable {
    /// How many requests of the service may wait, of all workers together.
    public var size = 512
    /// How long one may.
    public var timeout: Milliseconds = 30_000
    /// The defaults.
    public init() {}
  }

  /// What requests have in common that belong on one backend.
  public enum HashKey: Sendable, Equatable {
    /// What names their session: a field such as `X-Session-Id`, or else the content's `prompt_cache_key` or `user` where it is
    /// read; the client's address where nothing does.
    case session
    /// The client's address.
    case address
    /// The beginning of their prompt, which is waited for; the session where there is none.
    case prompt
    /// The value of a field; the client's address without it.
    case header(String)
    /// The value of a cookie; the client's address without it.
    case cookie(String)
  }

  /// What keeps a client at a backend as long as that is there.
  public struct Affinity: Sendable, Equatable {
    /// How a client is known.
    public enum Source: Sendable, Equatable {
      /// By a cookie that we set and that names the backend by a keyed hash.
      case cookie(name: String)
      /// By the value of a field.
      case header(String)
      /// By its address.
      case address
      /// By the key that it shows.
      case key
    }

    /// How a client is known.
    public var source: Source
    /// How long the cookie is kept by the client, in seconds; nil for as long as its session.
    public var seconds: Int?
    /// The path that the cookie is for.
    public var path = "/"
    /// Keeps clients.
    public init(_ source: Source) { self.source = source }
  }

  /// When another backend gets a request as well whose answer is late.
  public struct Hedging: Sendable, Equatable {
    /// How long an answer may be waited for; nil for what answers of the service take at most, but for one of twenty.
    public var after: Milliseconds?
    /// Further attempts of this kind, in percent of the requests that may have one.
    public var budgetPercent = 5
    /// The defaults.
    public init() {}
  }

  /// When a request is sent once more, to another backend.
  public struct Retries: Sendable, Equatable {
    /// Further attempts after the first, connects that fail included.
    public var attempts = 2
    /// Requests sent once more, in percent of all. A connect that fails costs nothing of it: no backend has had any work.
    public var budgetPercent = RetryBudget.defaultPercent
    /// After what.
    public var rule = RetryRule()
    /// The defaults.
    public init() {}
  }

  /// One server of a service.
  public struct Backend: Sendable {
    /// Identifies it over reloads: what the configuration says.
    public var key: String
    /// Its address; nil when its name does not resolve at present.
    public var address: SocketAddress?
    /// The host to verify and to send as SNI; nil for plain HTTP.
    public var tlsHost: String?
    /// What is trusted when TLS is spoken.
    public var trust: ClientContext.Trust
    /// Replaces the host in SNI and verification.
    public var tlsServerName: String?
    /// Whether HTTP/2 is spoken with it: over TLS by ALPN, else with prior knowledge.
    public var http2: Bool
    /// Who we are to a backend that asks; nil to show no certificate.
    public var tlsIdentity: Credential?
    /// Shared health and load.
    public var status: BackendStatus
    /// How many requests it gets beside the others, 1 to 1000.
    public var weight: Int
    /// The group of its service that it stands in, by its place.
    public var group = 0
    /// The PROXY header that begins each connection to it. Such connections carry one request and are not kept.
    public var sendProxy: ProxyProtocol.Version?
    /// Not HTTP: no application protocol is offered when TLS is spoken (RFC 7301).
    public var isOpaque = false
    /// Its name has other addresses, each a backend of its own: they are tried in turn when a connection fails.
    public var isOneOfSeveral = false
    /// The Host of requests to it; nil for the client's.
    public var host: String?
    /// A backend.
    public init(
      key: String, address: SocketAddress?, tlsHost: String? = nil,
      trust: ClientContext.Trust = .init(), tlsServerName: String? = nil, tlsIdentity: Credential? = nil,
      http2: Bool = false, status: BackendStatus, weight: Int = 1
    ) {
      self.key = key
      self.address = address
      self.tlsHost = tlsHost
      self.trust = trust
      self.tlsServerName = tlsServerName
      self.http2 = http2
      self.tlsIdentity = tlsIdentity
      self.status = status
      self.weight = weight
    }
  }

  /// Four separate time limits; there is no total limit (DESIGN: a GPU may think for long).
  public struct Timeouts: Sendable, Equatable, BitwiseCopyable {
    /// For a TCP connection and TLS handshake.
    public var connect: Milliseconds = 5_000
    /// From the request's end to the response's head.
    public var responseHead: Milliseconds = 600_000
    /// From the head to the first byte of content.
    public var firstByte: Milliseconds = 600_000
    /// Between bytes of content.
    public var idle: Milliseconds = 300_000
    /// How long an unused connection is kept for the next request.
    public var keepalive: Milliseconds = 4_000
    /// The defaults.
    public init() {}
  }
}

/// Sizes, counts and times of the client side. A field that a key of `limits` is read into has the key's name, and its
/// initial value is what holds where the file says nothing.
public struct Limits: Sendable, Equatable, BitwiseCopyable {
  /// The largest request or response head, in bytes; more than `maximumHeadBytes` is taken for that.
  public var requestHead = 64 * 1024
  /// The most field lines of a head.
  public var requestHeadFields = 128
  /// The most client connections of all workers together.
  public var connections = 65_536
  /// The most memory of all workers' buffers together, in bytes; nil for no limit.
  public var bufferMemory: Int?
  /// For a request head, from its first byte.
  public var headerTimeout: Milliseconds = 10_000
  /// For an idle connection between requests.
  public var keepaliveTimeout: Milliseconds = 300_000
  /// For a TLS handshake, from accept.
  public var handshakeTimeout: Milliseconds = 10_000
  /// Between bytes of a request's content.
  public var requestBodyIdleTimeout: Milliseconds = 60_000
  /// For a client that does not read, between bytes that it takes.
  public var sendTimeout: Milliseconds = 60_000
  /// For an upgraded connection that carries nothing.
  public var upgradeIdleTimeout: Milliseconds = 3_600_000
  /// How long exchanges may go on once the proxy is told to drain.
  public var drainTimeout: Milliseconds = 30_000
  /// The longest request target, in bytes.
  public var targetBytes = 16 * 1024
  /// For the last bytes of a client that we have answered and closed.
  public var lingerTimeout: Milliseconds = 2_000
  /// The least number of buffers of one worker, whatever `bufferMemory` says.
  public static let minimumBuffers = 8

  /// The most content that one worker keeps of all its requests together, in bytes, whatever `bufferMemory` says.
  public static let maximumKeptBytes = 256 << 20

  /// How much content one worker may keep for services that buffer requests, in bytes: half of what its buffers may be,
  /// beside them.
  func keptBytes(workers: Int) -> Int {
    min(Self.maximumKeptBytes, (bufferMemory ?? .max) / max(1, workers) / 2)
  }

  /// How many buffers one worker may have out.
  func buffers(workers: Int) -> Int {
    max(Self.minimumBuffers, (bufferMemory ?? .max) / max(1, workers) / Layout.size)
  }

  /// `requestHead`, as far as a buffer holds it.
  var headBytes: Int { min(requestHead, Self.maximumHeadBytes) }

  /// The largest head that there can be, in bytes.
  public static let maximumHeadBytes = 64 * 1024 - 1
  /// The defaults.
  public init() {}
}
