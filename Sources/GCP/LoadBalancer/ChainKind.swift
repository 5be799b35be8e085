public import JSON

/// The kinds of resources in a chain.
public enum ChainKind: String, Sendable, Hashable, CaseIterable {
  case healthCheck = "healthChecks"
  case endpointGroup = "networkEndpointGroups"
  case address = "addresses"
  case certificate = "sslCertificates"
  case backendService = "backendServices"
  case urlMap = "urlMaps"
  case httpsProxy = "targetHttpsProxies"
  case httpProxy = "targetHttpProxies"
  case sslProxy = "targetSslProxies"
  case forwardingRule = "forwardingRules"

  /// As Google's paths have it.
  public var collection: String { rawValue }

  /// Those of a lower stage must be there first; of one stage all can be made at once.
  var stage: Int {
    switch self {
    case .healthCheck, .endpointGroup, .address, .certificate: 0
    case .backendService: 1
    case .urlMap: 2
    case .httpsProxy, .httpProxy, .sslProxy: 3
    case .forwardingRule: 4
    }
  }

  /// The last stage.
  static let lastStage = 4

  /// How members of an existing one are changed.
  enum Way: Sendable {
    /// PATCH, with or without the fingerprint that was read.
    case patch(withFingerprint: Bool)
    /// A call of its own for a member: its verb, and whether its path has no scope.
    case verb(String)
    /// Only by making it anew.
    case anew
    /// Not at all while something uses it.
    case never
  }

  /// How a member is changed.
  func way(of member: String, in scope: Scope) -> Way {
    switch (self, member) {
    case (.httpProxy, "urlMap") where scope != .global: .verb("setUrlMap")
    case (.httpProxy, _) where scope != .global: .never
    case (.backendService, "loadBalancingScheme"): .never
    case (.healthCheck, "type"), (.endpointGroup, _), (.certificate, _), (.address, _): .never
    case (.healthCheck, _): .patch(withFingerprint: false)
    case (.backendService, _), (.urlMap, _), (.httpsProxy, _), (.httpProxy, _): .patch(withFingerprint: true)
    case (.sslProxy, "service"): .verb("setBackendService")
    case (.sslProxy, "proxyHeader"): .verb("setProxyHeader")
    case (.sslProxy, "sslPolicy"): .verb("setSslPolicy")
    case (.sslProxy, "sslCertificates"): .verb("setSslCertificates")
    case (.sslProxy, _): .never
    case (.forwardingRule, "target"): .verb("setTarget")
    case (.forwardingRule, _): .anew
    }
  }

  /// Whether a description can be set once it exists.
  func canMark(in scope: Scope) -> Bool {
    switch self {
    case .healthCheck, .backendService, .urlMap, .httpsProxy: true
    case .httpProxy: scope == .global
    default: false
    }
  }

  /// Whether it has labels.
  var hasLabels: Bool { self == .address || self == .forwardingRule }

  /// Whether one that is not wanted any more is removed. Addresses are not: DNS may still point at them, and
  /// they never come back. Certificates are the push's business.
  var isRemovedWhenUnused: Bool { self != .address && self != .certificate }

  /// As permissions have it, for one in a scope.
  func permissionName(_ scope: Scope) -> String {
    let capital = collection.prefix(1).uppercased() + collection.dropFirst()
    let isRegional = if case .region = scope { true } else { false }
    switch self {
    case .address, .forwardingRule: return scope == .global ? "global\(capital)" : collection
    case .endpointGroup:
      return scope == .global ? "global\(capital)" : isRegional ? "region\(capital)" : collection
    default: return isRegional ? "region\(capital)" : collection
    }
  }

  /// Whether it presents certificates.
  var holdsCertificates: Bool { self == .httpsProxy || self == .sslProxy }

  /// Whether a scope has the kind at all.
  func exists(in scope: Scope) -> Bool { self != .sslProxy || scope == .global }
}

/// One resource as it shall be.
public struct ChainResource: Sendable, Equatable {
  /// What it is.
  public let kind: ChainKind
  /// Where it is.
  public let scope: Scope
  /// Its name.
  public let name: String
  /// The members that we set. Null stands for a member that must not be there.
  public var body: JSONValue
  /// The endpoints of a network endpoint group; nil for other kinds.
  public var endpoints: [JSONValue]?
  /// Whether one that is there and not ours is simply used.
  public var isShared: Bool

  /// A resource.
  public init(
    _ kind: ChainKind, _ scope: Scope, _ name: String, body: JSONValue, endpoints: [JSONValue]? = nil,
    isShared: Bool = false
  ) {
    self.kind = kind
    self.scope = scope
    self.name = name
    self.body = body
    self.endpoints = endpoints
    self.isShared = isShared
  }

  /// `global/urlMaps/edge`
  public var label: String { "\(scope)/\(kind.collection)/\(name)" }

  /// What it refers to, in a project: everything that must exist before it.
  public func references(project: String) -> [ResourceLink] {
    ChainLinks.all(in: body).map { ResourceLink($0, project: project) }
  }
}

/// References inside resources.
enum ChainLinks {
  /// The members that hold them.
  static let members: Set<String> = [
    "service", "defaultService", "backendService", "group", "healthChecks", "urlMap", "target", "sslPolicy",
    "network", "subnetwork", "sslCertificates", "certificateMap", "IPAddress",
  ]

  static func all(in value: JSONValue, under member: String = "") -> [String] {
    switch value {
    case .object(let inner):
      inner.sorted { $0.key < $1.key }.flatMap { all(in: $0.value, under: $0.key) }
    case .array(let elements): elements.flatMap { all(in: $0, under: member) }
    case .string(let text): members.contains(member) && text.contains("/") ? [text] : []
    default: []
    }
  }
}

extension ResourceLink {
  /// The link as Google's own answers have it.
  public var selfLink: String { computeURL }

  /// The same, for bodies.
  var computeURL: String { "https://www.googleapis.com/compute/v1/\(path)" }
}
