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
    /// How to choose one.
    public var policy: Balancer.Policy
    /// Time limits towards the backends.
    public var timeouts: Timeouts
    /// Backends tried for one request, connects that fail included.
    public var attempts: Int
    /// After what a request is sent once more.
    public var retryRule = RetryRule()
    /// Requests sent once more to another backend, in percent of all. A connect that fails costs nothing of it:
    /// no backend has had any work.
    public var retryBudgetPercent: Int
    /// Connections with work to one backend, of all workers together; 0 for no limit.
    public var maximumConnections: Int
    /// The most content of a request, in bytes, that is kept to tell an HTTP/1.1 backend its length where the client did
    /// not; 0 passes it on in chunks as it comes.
    public var requestBufferBytes = 0
    /// No HTTP: connections whose server name leads here are passed on in TCP, unread, after the TLS handshake.
    public var isPassage = false
    /// How responses are compressed for clients that ask for it; nil when they pass as they are.
    public var compression: Compression?
    /// When answers to real requests take a backend out for a while.
    public var outliers = OutlierDetection(consecutiveFailures: 5)
    /// After how much silence a client of an event stream is sent a comment, in milliseconds; 0 for never.
    public var heartbeatMilliseconds: UInt64 = 0
    /// How long a model engine may give nothing at all, beside what reading prompts takes, before requests that it has not
    /// begun to answer go elsewhere, in milliseconds; 0 for as long as its health is good.
    public var progressMilliseconds: UInt64 = 3000
    /// How long such a connection may carry nothing, in milliseconds.
    public var tunnelIdleMilliseconds: UInt64 = 3_600_000
    /// A service.
    public init(
      name: String, backends: [Backend], policy: Balancer.Policy = .leastRequest,
      timeouts: Timeouts = Timeouts(), attempts: Int = 3,
      retryBudgetPercent: Int = RetryBudget.defaultPercent, maximumConnections: Int = 0
    ) {
      self.name = name
      self.backends = backends
      self.policy = policy
      self.timeouts = timeouts
      self.attempts = attempts
      self.retryBudgetPercent = retryBudgetPercent
      self.maximumConnections = maximumConnections
    }
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

  /// Four separate time limits, in milliseconds; there is no total limit (DESIGN: a GPU may think for long).
  public struct Timeouts: Sendable, Equatable, BitwiseCopyable {
    /// For a TCP connection and TLS handshake.
    public var connectMilliseconds: UInt64 = 5_000
    /// From the request's end to the response's head.
    public var responseHeadMilliseconds: UInt64 = 600_000
    /// From the head to the first byte of content.
    public var firstByteMilliseconds: UInt64 = 600_000
    /// Between bytes of content.
    public var idleMilliseconds: UInt64 = 300_000
    /// How long an unused connection is kept for the next request.
    public var keepAliveMilliseconds: UInt64 = 4_000
    /// The defaults.
    public init() {}
  }
}

/// Sizes, counts and times of the client side. `docs/configuration.md` lists them.
public struct Limits: Sendable, Equatable, BitwiseCopyable {
  /// The largest request or response head, in bytes; at most `maximumHeadBytes`.
  public var headBytes = 64 * 1024 - 1
  /// The most field lines of a head.
  public var headFields = 128
  /// The longest request target, in bytes.
  public var targetBytes = 16 * 1024
  /// The most client connections of all workers together.
  public var connections = 65_536
  /// The most memory of all workers' buffers together, in bytes.
  public var bufferBytes = Int.max
  /// For a TLS handshake, from accept.
  public var handshakeMilliseconds: UInt64 = 10_000
  /// For a request head, from its first byte.
  public var headMilliseconds: UInt64 = 10_000
  /// For an idle connection between requests.
  public var keepAliveMilliseconds: UInt64 = 300_000
  /// Between bytes of a request's content.
  public var bodyIdleMilliseconds: UInt64 = 60_000
  /// For a client that does not read, between bytes that it takes.
  public var sendStallMilliseconds: UInt64 = 60_000
  /// For an upgraded connection that carries nothing.
  public var tunnelIdleMilliseconds: UInt64 = 3_600_000
  /// For the last bytes of a client that we have answered and closed.
  public var lingerMilliseconds: UInt64 = 2_000
  /// The least number of buffers of one worker, whatever `bufferBytes` says.
  public static let minimumBuffers = 8

  /// The most content that one worker keeps of all its requests together, in bytes, whatever `bufferBytes` says.
  public static let maximumKeptBytes = 256 << 20

  /// How much content one worker may keep for services that buffer requests, in bytes: half of what its buffers may be,
  /// beside them.
  func keptBytes(workers: Int) -> Int { min(Self.maximumKeptBytes, bufferBytes / max(1, workers) / 2) }

  /// How many buffers one worker may have out.
  func buffers(workers: Int) -> Int {
    max(Self.minimumBuffers, bufferBytes / max(1, workers) / Layout.size)
  }

  /// What `headBytes` can be at most.
  public static let maximumHeadBytes = 64 * 1024 - 1
  /// The defaults.
  public init() {}
}
