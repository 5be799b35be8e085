/// One of Compute's collections: where it exists and what can be done with its members.
struct Collection: Sendable {
  /// As URLs have it.
  let name: String
  /// As `kind` has it, and with a capital the row in the table of members.
  let kind: String
  let scopes: Set<String>
  /// Actions beside get, list, insert and delete.
  let actions: Set<String>
  /// What their permission to refer to it ends in.
  let use: String
  let hasFingerprint: Bool
  let quota: String?

  var row: String { kind.prefix(1).uppercased() + kind.dropFirst() }
  /// The member of other bodies that `kind` is told by in lists.
  var isSecureProxy: Bool { name == "targetHttpsProxies" || name == "targetSslProxies" }

  private init(
    _ name: String, _ kind: String, _ scopes: String, _ actions: String = "", use: String = "use",
    fingerprint: Bool = false, quota: String? = nil
  ) {
    self.name = name
    self.kind = kind
    self.scopes = Set(scopes.split(separator: " ").map(String.init))
    self.actions = Set(actions.split(separator: " ").map(String.init))
    self.use = use
    hasFingerprint = fingerprint
    self.quota = quota
  }

  static let all: [String: Collection] = Dictionary(
    uniqueKeysWithValues: [
      Collection(
        "sslCertificates", "sslCertificate", "global regions", use: "get", quota: "SSL_CERTIFICATES"),
      Collection(
        "targetHttpsProxies", "targetHttpsProxy", "global regions",
        "patch setSslCertificates setUrlMap setCertificateMap setQuicOverride setSslPolicy",
        fingerprint: true, quota: "TARGET_HTTPS_PROXIES"),
      Collection(
        "targetHttpProxies", "targetHttpProxy", "global regions", "patch setUrlMap", fingerprint: true),
      Collection(
        "targetSslProxies", "targetSslProxy", "global",
        "setBackendService setCertificateMap setProxyHeader setSslCertificates setSslPolicy",
        quota: "TARGET_SSL_PROXIES"),
      Collection(
        "urlMaps", "urlMap", "global regions", "patch update validate", fingerprint: true, quota: "URL_MAPS"),
      Collection(
        "backendServices", "backendService", "global regions", "patch update", fingerprint: true,
        quota: "BACKEND_SERVICES"),
      Collection(
        "healthChecks", "healthCheck", "global regions", "patch update", use: "useReadOnly",
        quota: "HEALTH_CHECKS"),
      Collection(
        "networkEndpointGroups", "networkEndpointGroup", "global regions zones",
        "attachNetworkEndpoints detachNetworkEndpoints listNetworkEndpoints"),
      Collection("instanceGroups", "instanceGroup", "zones", "setNamedPorts"),
      Collection("addresses", "address", "global regions", "setLabels"),
      Collection(
        "forwardingRules", "forwardingRule", "global regions", "patch setLabels setTarget", fingerprint: true,
        quota: "GLOBAL_EXTERNAL_MANAGED_FORWARDING_RULES"),
      Collection("sslPolicies", "sslPolicy", "global", "patch", fingerprint: true),
    ].map { ($0.name, $0) })

  /// The collection of a resource's path.
  static func of(_ path: String) -> Collection? { all[World.collection(of: path)] }

  /// As permissions spell it: `regionSslCertificates`, `globalAddresses`.
  func permissionName(_ scope: String) -> String {
    let capital = name.prefix(1).uppercased() + name.dropFirst()
    if ["forwardingRules", "addresses", "networkEndpointGroups"].contains(name) {
      if scope == "global" { return "global\(capital)" }
      return scope.hasPrefix("regions/") && name == "networkEndpointGroups" ? "region\(capital)" : name
    }
    return scope.hasPrefix("regions/") ? "region\(capital)" : name
  }

  /// Whether an action exists on a member in a scope.
  func has(_ action: String, in scope: String) -> Bool {
    guard actions.contains(action) else { return false }
    guard scope.hasPrefix("regions/") else { return true }
    switch name {
    case "targetHttpsProxies": return ["patch", "setSslCertificates", "setUrlMap"].contains(action)
    case "targetHttpProxies": return action == "setUrlMap"
    default: return true
    }
  }

  /// Calls of the global scope whose URL has no `/global/`.
  static let withoutScope: Set<String> = [
    "targetHttpsProxies setSslCertificates", "targetHttpsProxies setUrlMap", "targetHttpProxies setUrlMap",
  ]
}
