/// A target proxy that shall present certificates.
public struct Target: Sendable, Hashable, CustomStringConvertible {
  /// The most certificates on one proxy, whoever owns them.
  public static let maximumClassicCertificates = 15
  /// The same for Certificate Manager's on a regional proxy.
  public static let maximumManagerCertificates = 100

  /// Which kind of proxy.
  public enum Kind: String, Sendable, CaseIterable {
    case httpsProxy = "target-https-proxy"
    case sslProxy = "target-ssl-proxy"
  }

  /// By which way certificates reach it.
  public enum Route: String, Sendable, CaseIterable {
    /// SslCertificate resources in the proxy's list.
    case classic
    /// Certificate Manager: a certificate map for global proxies, a list for regional ones.
    case certificateManager = "certificate-manager"
  }

  /// Which kind of proxy.
  public let kind: Kind
  /// Its name.
  public let name: String
  /// Global or a region.
  public let scope: Scope
  /// By which way certificates reach it.
  public let route: Route
  /// Names of the certificates that it shall present, the primary one first.
  public let certificates: [String]
  /// Where the load balancer answers, `host` or `host:port`, for a handshake after a change; nil for none.
  public let address: String?

  /// A target.
  public init(
    kind: Kind, name: String, scope: Scope = .global, route: Route = .classic, certificates: [String],
    address: String? = nil
  ) {
    self.kind = kind
    self.name = name
    self.scope = scope
    self.route = route
    self.certificates = certificates
    self.address = address
  }

  var collection: String { kind == .httpsProxy ? "targetHttpsProxies" : "targetSslProxies" }

  /// `target-https-proxy edge`, with the region if it has one.
  public var description: String {
    scope == .global ? "\(kind.rawValue) \(name)" : "\(kind.rawValue) \(name) in \(scope.location)"
  }
}
