public import GCP

/// One chain of Google's load balancer in front of the services: `certd gcp plan` and `certd gcp apply`.
public struct LoadBalancerSettings: Sendable, Equatable {
  /// What keeps a client at one backend.
  public enum Affinity: String, Sendable, CaseIterable {
    /// Nothing.
    case none
    /// The client's address.
    case clientIP = "client-ip"
    /// A cookie that Google makes.
    case cookie = "generated-cookie"
  }

  /// What the resources' names begin with.
  public var name = ""
  /// Which proxy ends clients' TLS.
  public var kind = ChainSettings.Kind.https
  /// Region of a regional load balancer; nil for a global one.
  public var region: String?
  /// Name of the network that a regional one's proxies are in.
  public var network = "default"
  /// Name of the address.
  public var address = ""
  /// Name of a global IPv6 address beside; nil for none.
  public var ipv6Address: String?
  /// By which way certificates reach its proxy.
  public var route = Target.Route.classic
  /// What keeps a client at one backend; nil leaves it as it is.
  public var sessionAffinity: Affinity?
  /// Names of its resources that are called otherwise, by `urlMaps/edge-map`.
  public var names: [String: String] = [:]
  /// Whether port 80 redirects to HTTPS.
  public var redirect = false
  /// Name of an existing SSL policy; nil for Google's default.
  public var sslPolicy: String?
  /// Names of certificates; nil for those of the routes' hosts.
  public var certificates: [Located<String>]?
  /// The longest response as a whole; nil for what the services' own timeouts add up to.
  public var timeout: Duration?
  /// Where the load balancer reaches the services' backends.
  public var services: [LoadBalancerService] = []
  /// Where it was written.
  public var origin = Origin.none
}

/// Where the load balancer reaches one service's backends.
public struct LoadBalancerService: Sendable, Equatable {
  /// The service's name.
  public var service: String
  /// Its groups; never empty.
  public var groups: [LoadBalancerGroup]
  /// Where it was written.
  public var origin: Origin
}

/// Some backends at one place.
public struct LoadBalancerGroup: Sendable, Equatable {
  /// What holds them.
  public enum Place: Sendable, Equatable {
    /// An instance group that is there.
    case instanceGroup(String)
    /// A network endpoint group that is there.
    case endpointGroup(String)
    /// A network endpoint group that is made of the service's own backends.
    case made(MadeEndpointGroup)
  }

  /// What holds them.
  public var place = Place.endpointGroup("")
  /// Share of CPU from which on it is full; nil when something else counts.
  public var maxUtilization: Double?
  /// Requests a second of each instance or endpoint from which on it is full; nil when something else counts.
  public var maxRate: Int?
  /// Connections of each instance or endpoint from which on it is full; nil when something else counts.
  public var maxConnections: Int?
  /// The named port of an instance group.
  public var namedPort: String?
  /// Where it was written.
  public var origin = Origin.none
}

/// A network endpoint group to be made.
public struct MadeEndpointGroup: Sendable, Equatable {
  /// What its endpoints are; nil for what the backends look like.
  public var type: ChainEndpoints.Kind?
  /// Its zone; nil for endpoints on the internet.
  public var zone: String?
  /// Name of the network.
  public var network = "default"
  /// Name of the part of the network, `regions/R/subnetworks/N`; nil for Google's choice.
  public var subnetwork: String?
  /// Names of instances by backends' addresses.
  public var instances: [String: String] = [:]
}

extension BackendAddress {
  /// Whether the internet leads there: neither a Unix socket, nor a private address, nor a name of a private domain.
  public var isPublic: Bool {
    guard case .tcp(let host, _) = self else { return false }
    return !Configuration.isPrivate(host)
  }
}
