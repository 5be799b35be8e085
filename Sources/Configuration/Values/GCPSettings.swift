/// Google Cloud's load balancers, and how they are reached.
public struct GCPSettings: Sendable, Equatable {
  /// Identifier of the project.
  public var project: String
  /// File with credentials, absolute; nil for Google's own order of places.
  public var credentials: String?
  /// What the names of our resources begin with.
  public var namePrefix: String
  /// Where Google's APIs are asked; nil for Google's own addresses.
  public var endpoints: GCPEndpoints
  /// File with roots to trust besides the system's, absolute.
  public var caFile: String?
  /// Target proxies that shall present our certificates.
  public var targets: [GCPTarget]
  /// A load balancer in front of the services; nil for none.
  public var loadBalancer: LoadBalancerSettings?
  /// Where the section stands.
  public var origin: Origin
}

extension GCPSettings {
  /// A project with all defaults, for what needs no more of it.
  public init(project: String, origin: Origin) {
    self.init(
      project: project, credentials: nil, namePrefix: "certd", endpoints: GCPEndpoints(), caFile: nil,
      targets: [],
      loadBalancer: nil, origin: origin)
  }
}

/// Addresses in place of Google's own.
public struct GCPEndpoints: Sendable, Equatable {
  /// Compute Engine.
  public var compute: String?
  /// Certificate Manager.
  public var certificateManager: String?
  /// Public Certificate Authority.
  public var publicCA: String?
  /// Cloud DNS.
  public var dns: String?
  /// The token service's whole address.
  public var token: String?
  /// The whole address of the Security Token Service, where other issuers' tokens are exchanged.
  public var exchange: String?
}

/// A target proxy.
public struct GCPTarget: Sendable, Equatable {
  /// What kinds of proxy there are.
  public enum Kind: String, Sendable, CaseIterable {
    case httpsProxy = "target-https-proxy"
    case sslProxy = "target-ssl-proxy"
  }

  /// By which way certificates reach a proxy.
  public enum Route: String, Sendable, CaseIterable {
    /// SslCertificate resources.
    case classic
    /// Certificate Manager.
    case certificateManager = "certificate-manager"
  }

  /// What kind it is.
  public var kind: Kind
  /// Its name.
  public var name: String
  /// Its region; nil for a global one.
  public var region: String?
  /// Names of certificates, the primary one first.
  public var certificates: [Located<String>]
  /// By which way certificates reach it.
  public var route: Route
  /// Where the load balancer answers; nil when nobody is to look.
  public var address: String?
  /// Where it was written.
  public var origin: Origin
}

extension Configuration {
  /// The nearest of some names to one that is not among them, as a question; nil when none is near.
  public static func hint(for name: String, among names: some Sequence<String>) -> String? {
    Nearest.hint(for: name, among: names)
  }
}
