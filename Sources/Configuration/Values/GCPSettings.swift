public import GCP

/// Google Cloud's load balancers, and how they are reached.
public struct GCPSettings: Sendable, Equatable {
  /// Identifier of the project.
  public var project = ""
  /// File with credentials, absolute; nil for Google's own order of places.
  public var credentials: String?
  /// What the names of our resources begin with.
  public var namePrefix = "certd"
  /// By which way certificates reach a target that does not say otherwise.
  public var target = Target.Route.classic
  /// Where Google's APIs are asked.
  public var endpoints = Endpoints()
  /// File with roots to trust besides the system's, absolute.
  public var caFile: String?
  /// Target proxies that shall present our certificates.
  public var targets: [GCPTarget] = []
  /// A load balancer in front of the services; nil for none.
  public var loadBalancer: LoadBalancerSettings?
  /// Where the section stands.
  public var origin = Origin.none
}

extension GCPSettings {
  /// A project with all defaults, for what needs no more of it.
  public init(project: String, origin: Origin) {
    self.init()
    (self.project, self.origin) = (project, origin)
  }
}

/// A target proxy.
public struct GCPTarget: Sendable, Equatable {
  /// What kind it is.
  public var kind: Target.Kind
  /// Its name.
  public var name: String
  /// Its region; nil for a global one.
  public var region: String?
  /// Names of certificates, the primary one first.
  public var certificates: [Located<String>]
  /// By which way certificates reach it.
  public var route: Target.Route
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
