public import APIKeys
public import Exchange
public import OS
public import TLS
public import Telemetry

/// Everything that the proxy is told, as plain values. A new one replaces the old one as a whole.
public struct Settings: Sendable {
  /// Where connections are accepted.
  public var listeners: [Listener] = []
  /// Where requests go, matched by host and path.
  public var routes: [Route] = []
  /// The services that routes name by index.
  public var services: [Service] = []
  /// Sizes, counts and times.
  public var limits = Limits()
  /// Peers whose X-Forwarded-* and Forwarded fields are believed.
  public var trustedProxies: [AddressRange] = []
  /// Which fields tell backends about the client.
  public var forwarding = Forwarding()
  /// Where a line for each exchange goes; nil for nowhere.
  public var accessLog: AccessSettings?
  /// What cookies that keep clients at backends are made with; secret.
  public var affinitySecret: AffinitySecret?
  /// Which requests are traced; nil for none.
  public var traces: TraceSettings?

  /// No listeners, no routes.
  public init() {}

  /// A secret whose description leaves it out.
  public struct AffinitySecret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible {
    /// The secret.
    public let bytes: [UInt8]
    /// A secret.
    public init(_ bytes: [UInt8]) { self.bytes = bytes }
    /// Never the secret.
    public var description: String { "(a secret)" }
    /// Never the secret.
    public var debugDescription: String { description }
  }

  /// Fields about the client that are added to forwarded requests.
  public typealias Forwarding = ForwardedFields

  /// One listening address.
  public struct Listener: Sendable {
    /// Where to listen.
    public var address: SocketAddress
    /// The TLS profile; nil for plain HTTP.
    public var profile: Profile?
    /// Redirect everything to https on this port.
    public var redirectPort: UInt16?
    /// Whether HTTP/2 is taken without TLS too, from clients that begin with its preface (RFC 9113 §3.3).
    public var h2c: Bool
    /// What is asked of clients' certificates; nil for nothing.
    public var clients: ClientCheck?
    /// Peers whose connections must begin with a PROXY header, which is believed; those of others are ordinary.
    public var proxyProtocolFrom: [AddressRange] = []
    /// Whether safe requests are taken before the handshake is over (RFC 8470).
    public var acceptsEarlyData: Bool
    /// A listener.
    public init(
      address: SocketAddress, profile: Profile?, redirectPort: UInt16? = nil, h2c: Bool = false,
      clients: ClientCheck? = nil, acceptsEarlyData: Bool = false
    ) {
      self.h2c = h2c
      self.address = address
      self.profile = profile
      self.redirectPort = redirectPort
      self.clients = clients
      self.acceptsEarlyData = acceptsEarlyData
    }
  }

  /// Hosts and paths that lead to a service.
  public struct Route: Sendable {
    /// Exact names or `*.` wildcards, lower-case; empty for every host.
    public var hosts: [String]
    /// Paths; empty for every path.
    public var paths: [PathMatch]
    /// What a request must be besides.
    public var match = RequestMatch()
    /// Index into `services`.
    public var service: Int
    /// What is done with its requests.
    public var rules = RouteRules()
    /// Only requests with one of these keys are answered; nil to ask for none.
    public var keys: [[UInt8]]?
    /// Keys with limits, of which a request must show one, or one of `keys`; nil to ask for none.
    public var ring: KeyRing?
    /// Issuers of tokens that stand for keys; nil where none do.
    public var tokens: TokenDoor?
    /// What clients have used of ``RouteLimits/requestsPerSecond``; nil for no such limit.
    public var rates: RateTable?
    /// Services that share the requests, in place of `service`; not beside models or rules for other origins.
    public var split: [ModelTarget] = []
    /// What keeps requests with one of them.
    public var splitKey = HashKey.session
    /// Who is asked whether requests may go on; nil for nobody.
    public var gate: RouteGate?
    /// Services by the model that content asks for; empty not to look. All of them, and the route's own, speak HTTP.
    public var models: [ModelRule] = []
    /// A route.
    public init(hosts: [String], paths: [PathMatch], service: Int) {
      self.hosts = hosts
      self.paths = paths
      self.service = service
    }
  }

  /// The most content that is kept of one request until its model and its prompt are known, in bytes.
  public static let maximumModelContent = 64 << 20

  /// A service that has a model.
  public struct ModelTarget: Sendable, Equatable {
    /// Index into `services`.
    public var service: Int
    /// The name that the backend gets in place of the client's; nil for the same.
    public var model: String?
    /// Its share beside others, 1 to 1000.
    public var weight: Int
    /// A service.
    public init(service: Int, model: String? = nil, weight: Int = 1) {
      self.service = service
      self.model = model
      self.weight = weight
    }
  }

  /// Where requests for some models go.
  public struct ModelRule: Sendable, Equatable {
    /// Which models.
    public var pattern: ModelPattern
    /// Services that share the requests, each session with one of them; none says that the model does not exist.
    public var targets: [ModelTarget]
    /// Who has a request then where the one before has no answer: no backend, 429, or a server error.
    public var fallback: [ModelTarget] = []
    /// A rule.
    public init(_ pattern: ModelPattern, service: Int, model: String? = nil) {
      self.pattern = pattern
      targets = [ModelTarget(service: service, model: model)]
    }
    /// A rule.
    public init(_ pattern: ModelPattern, _ targets: [ModelTarget], fallback: [ModelTarget] = []) {
      self.pattern = pattern
      self.targets = targets
      self.fallback = fallback
    }
  }

  /// Which models of requests a rule is for.
  public enum ModelPattern: Sendable, Hashable, CustomStringConvertible {
    /// Every one.
    case any
    /// One, by its whole name.
    case exact(String)
    /// Those whose names begin so: `llama-*`.
    case prefix(String)

    /// As it is written.
    public var description: String {
      switch self {
      case .any: "*"
      case .exact(let name): name
      case .prefix(let start): "\(start)*"
      }
    }
  }
}
