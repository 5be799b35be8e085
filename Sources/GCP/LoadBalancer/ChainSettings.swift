// LoadBalancer: one chain of Google's load balancer, from forwarding rule to backends, derived and brought about.
//
// It does not read configuration files or know our proxy: it is given what to balance as values that Google can
// express. It promises: deriving and comparing are pure; only members that we set are compared and changed;
// what is not ours is never changed without being told to; any interruption may be followed by another run.

public import JSON

/// What a chain shall do, in Google's terms.
public struct ChainSettings: Sendable, Equatable {
  /// Which proxy ends clients' TLS.
  public enum Kind: String, Sendable, CaseIterable {
    /// A target HTTPS proxy with a URL map.
    case https
    /// A target SSL proxy with one service behind it.
    case ssl
  }

  /// The name that every resource's name begins with.
  public var name: String
  /// Which proxy ends clients' TLS.
  public var kind: Kind
  /// Name of the global address; made when it is not there.
  public var address: String
  /// Whether port 80 redirects to HTTPS.
  public var redirects: Bool
  /// An existing SSL policy; nil for Google's default.
  public var sslPolicy: ResourceLink?
  /// The certificates of the proxy, the first for clients that send no name.
  public var certificates: [ResourceLink]
  /// Which requests go where; with `ssl` only one service may be named.
  public var routes: [ChainRoute]
  /// The services that the routes name.
  public var services: [ChainService]
  /// How long requests may go on when a backend is taken away, in seconds.
  public var drainSeconds: Int
  /// Which installation of certd makes it; nil for one without a store.
  public var installation: String?
  /// Names of resources that are called otherwise, by `urlMaps/edge-map`: those that were there before.
  public var names: [String: String] = [:]
  /// Certificate Manager's map for a global proxy; nil where the proxy names its certificates.
  public var certificateMap: ResourceLink?
  /// Region of a regional load balancer; nil for a global one.
  public var region: String?
  /// The network that a regional one's proxies are in; nil for a global one.
  public var network: ResourceLink?
  /// Name of a global IPv6 address beside; made when it is not there. Nil for none.
  public var ipv6Address: String?

  /// A chain.
  public init(
    name: String, kind: Kind, address: String, redirects: Bool = false, sslPolicy: ResourceLink? = nil,
    certificates: [ResourceLink], routes: [ChainRoute], services: [ChainService], drainSeconds: Int = 30,
    region: String? = nil, network: ResourceLink? = nil, ipv6Address: String? = nil,
    certificateMap: ResourceLink? = nil
  ) {
    self.certificateMap = certificateMap
    self.name = name
    self.kind = kind
    self.address = address
    self.redirects = redirects
    self.sslPolicy = sslPolicy
    self.certificates = certificates
    self.routes = routes
    self.services = services
    self.drainSeconds = drainSeconds
    self.region = region
    self.network = network
    self.ipv6Address = ipv6Address
  }

  /// Where everything but groups in zones is.
  public var scope: Scope { region.map { .region($0) } ?? .global }
}

/// Which requests go to which service.
public struct ChainRoute: Sendable, Equatable {
  /// Names, `*.suffix` or `*`.
  public var hosts: [String]
  /// Exact paths, or prefixes ending in `/*`.
  public var paths: [String]
  /// Name of a service.
  public var service: String
  /// Changes to requests and responses on the way.
  public var headers: ChainHeaders

  /// A route.
  public init(hosts: [String], paths: [String], service: String, headers: ChainHeaders = .none) {
    self.hosts = hosts
    self.paths = paths
    self.service = service
    self.headers = headers
  }
}

/// Field changes on the way.
public struct ChainHeaders: Sendable, Equatable {
  /// One field.
  public struct Field: Sendable, Equatable {
    /// Its name.
    public var name: String
    /// Its value, which may be a secret.
    public var value: String
    /// A field.
    public init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  /// Fields of the request that replace all of their name.
  public var requestSet: [Field] = []
  /// Fields of the request that are dropped.
  public var requestRemove: [String] = []
  /// Fields of the response that replace all of their name.
  public var responseSet: [Field] = []
  /// Fields of the response that are dropped.
  public var responseRemove: [String] = []

  /// No changes.
  public static let none = ChainHeaders()
  /// No changes yet.
  public init() {}
}

/// Backends that answer the same requests.
public struct ChainService: Sendable, Equatable {
  /// What is spoken to them, in Google's words.
  public enum Wire: String, Sendable {
    case http = "HTTP"
    case https = "HTTPS"
    case h2 = "HTTP2"
    case h2c = "H2C"
    case tcp = "TCP"
    case ssl = "SSL"
  }

  /// Its name.
  public var name: String
  /// What is spoken to them.
  public var wire: Wire
  /// Longest response as a whole (HTTP) or longest silence (TCP), in seconds.
  public var timeoutSeconds: Int
  /// How a backend is chosen, in Google's words; nil for Google's choice.
  public var localityPolicy: String?
  /// What keeps a client at its backend, in Google's words; nil leaves it as it is.
  public var sessionAffinity: String?
  /// When answers take a backend out for a while, in Google's members; nil leaves it as it is.
  public var outlierDetection: JSONValue?
  /// Where its backends are.
  public var groups: [ChainGroup]
  /// How their health is watched; nil where Google watches none.
  public var health: ChainHealth?
  /// Port name of instance groups; nil when there are none.
  public var portName: String?
  /// Whether connections begin with the PROXY protocol's text header (`ssl` only).
  public var sendsProxyHeader: Bool

  /// A service.
  public init(
    name: String, wire: Wire, timeoutSeconds: Int, localityPolicy: String? = nil, groups: [ChainGroup],
    health: ChainHealth?, portName: String? = nil, sendsProxyHeader: Bool = false,
    sessionAffinity: String? = nil
  ) {
    self.sessionAffinity = sessionAffinity
    self.name = name
    self.wire = wire
    self.timeoutSeconds = timeoutSeconds
    self.localityPolicy = localityPolicy
    self.groups = groups
    self.health = health
    self.portName = portName
    self.sendsProxyHeader = sendsProxyHeader
  }
}

/// Some backends of a service, at one place.
public struct ChainGroup: Sendable, Equatable {
  /// What fills it up.
  public enum Capacity: Sendable, Equatable {
    /// Google decides: internet endpoints have no other.
    case none
    /// Share of CPU, from 0 to 1.
    case utilization(Double)
    /// Requests a second for each endpoint of a network endpoint group.
    case ratePerEndpoint(Double)
    /// Requests a second for each instance.
    case ratePerInstance(Double)
    /// Connections for each endpoint.
    case connectionsPerEndpoint(Int)
    /// Connections for each instance.
    case connectionsPerInstance(Int)
  }

  /// Where the backends are.
  public enum Place: Sendable, Equatable {
    /// A group that somebody else looks after.
    case existing(ResourceLink)
    /// A network endpoint group of our own.
    case made(ChainEndpoints)
  }

  /// Where the backends are.
  public var place: Place
  /// What fills it up.
  public var capacity: Capacity

  /// A group.
  public init(_ place: Place, _ capacity: Capacity) {
    self.place = place
    self.capacity = capacity
  }
}

/// A network endpoint group of our own.
public struct ChainEndpoints: Sendable, Equatable {
  /// One backend.
  public struct Endpoint: Sendable, Equatable {
    /// An address; nil for a name.
    public var address: String?
    /// A public name; nil for an address.
    public var name: String?
    /// The instance that has the address (`GCE_VM_IP_PORT`).
    public var instance: String?
    /// The port.
    public var port: UInt16

    /// An endpoint.
    public init(address: String? = nil, name: String? = nil, instance: String? = nil, port: UInt16) {
      self.address = address
      self.name = name
      self.instance = instance
      self.port = port
    }
  }

  /// What its endpoints are.
  public enum Kind: String, Sendable, CaseIterable {
    case vm = "GCE_VM_IP_PORT"
    case privateAddress = "NON_GCP_PRIVATE_IP_PORT"
    case internetAddress = "INTERNET_IP_PORT"
    case internetName = "INTERNET_FQDN_PORT"

    /// Whether Google reaches it over the internet: then it has no zone, one endpoint and no health check.
    public var isInternet: Bool { self == .internetAddress || self == .internetName }
    /// What stands for it in names.
    var word: String {
      switch self {
      case .vm: "vm"
      case .privateAddress: "ip"
      case .internetAddress: "inet"
      case .internetName: "fqdn"
      }
    }
  }

  /// What its endpoints are.
  public var kind: Kind
  /// Its zone; nil for internet endpoints.
  public var zone: String?
  /// The network that the addresses are in; nil for internet endpoints.
  public var network: ResourceLink?
  /// The part of the network; nil for Google's choice.
  public var subnetwork: ResourceLink?
  /// Its endpoints.
  public var endpoints: [Endpoint]

  /// A group to be made.
  public init(
    kind: Kind, zone: String?, network: ResourceLink? = nil, subnetwork: ResourceLink? = nil,
    endpoints: [Endpoint]
  ) {
    self.kind = kind
    self.zone = zone
    self.network = network
    self.subnetwork = subnetwork
    self.endpoints = endpoints
  }
}

/// How backends' health is watched.
public struct ChainHealth: Sendable, Equatable {
  /// What is done.
  public enum Probe: Sendable, Equatable {
    /// A connection is made.
    case tcp
    /// GET of a path in HTTP, HTTPS or HTTP/2; 200 is ready, and the body must begin so when a text is given.
    case get(wire: ChainService.Wire, path: String, response: String)
    /// gRPC's health protocol about a service, with or without TLS.
    case grpc(service: String, tls: Bool)
  }

  /// What is done.
  public var probe: Probe
  /// Another port than the backend's own.
  public var port: UInt16?
  /// From one probe to the next, in seconds.
  public var intervalSeconds: Int
  /// How long an answer is waited for, in seconds.
  public var timeoutSeconds: Int
  /// Successes in a row.
  public var healthyThreshold: Int
  /// Failures in a row.
  public var unhealthyThreshold: Int

  /// Google's bounds of interval and timeout, in seconds.
  public static let secondsRange = 1...300
  /// Google's bounds of both thresholds.
  public static let thresholdRange = 1...10

  /// A check.
  public init(
    probe: Probe, port: UInt16? = nil, intervalSeconds: Int = 5, timeoutSeconds: Int = 5,
    healthyThreshold: Int = 2, unhealthyThreshold: Int = 2
  ) {
    self.probe = probe
    self.port = port
    self.intervalSeconds = intervalSeconds
    self.timeoutSeconds = timeoutSeconds
    self.healthyThreshold = healthyThreshold
    self.unhealthyThreshold = unhealthyThreshold
  }
}
