// Import: what another program says of a chain of Google's, read from its state, and said as a configuration of ours.
//
// Pure: bytes of a file in, a description and what it leaves out. Nothing of a file is trusted to be whole: members that
// are missing, unknown or of another type are left out and, where they matter, told.

internal import JSON

/// A resource as a Pulumi stack or a Terraform state has it, in Google's own terms.
struct ImportedResource: Sendable {
  /// `urlMaps`, as in Google's paths; nil for what is no part of a chain.
  var collection: String?
  /// Where it is.
  var scope: Scope
  /// Its name at Google.
  var name: String
  /// Its members, in the spelling of Google's API.
  var members: JSONValue
  /// What the program calls it: a URN or `google_compute_url_map.web`.
  var address: String

  /// `global/urlMaps/web`
  var label: String { "\(scope)/\(collection ?? "")/\(name)" }
}

/// The spelling of Google's API for what other programs write.
enum ImportedMembers {
  /// Members that are one object, which Terraform keeps as a list of one.
  private static let single: Set<String> = [
    "httpHealthCheck", "httpsHealthCheck", "http2HealthCheck", "tcpHealthCheck", "sslHealthCheck",
    "grpcHealthCheck", "managed", "logConfig", "iap", "cdnPolicy", "defaultUrlRedirect", "urlRedirect",
    "routeAction", "defaultRouteAction", "headerAction", "defaultCustomErrorResponsePolicy", "consistentHash",
    "circuitBreakers", "outlierDetection", "faultInjectionPolicy", "urlRewrite", "corsPolicy", "retryPolicy",
    "selfManaged",
  ]
  /// Lists that Terraform names in the singular.
  private static let plural: [String: String] = [
    "backend": "backends", "hostRule": "hostRules", "pathMatcher": "pathMatchers", "pathRule": "pathRules",
    "routeRule": "routeRules", "weightedBackendService": "weightedBackendServices",
  ]
  private static let renamed: [String: String] = [
    "enableCdn": "enableCDN", "ipAddress": "IPAddress", "ipProtocol": "IPProtocol",
    "connectionDrainingTimeoutSec": "drainingTimeoutSec",
  ]

  static func normalized(_ value: JSONValue) -> JSONValue {
    switch value {
    case .object(let members):
      var made: [String: JSONValue] = [:]
      for (key, value) in members {
        var name = camel(key)
        var value = normalized(value)
        if single.contains(name), case .array(let elements) = value { value = elements.first ?? .null }
        // `path_matcher` of a host rule is a name, of a URL map a list.
        if case .array = value, let several = plural[name] { name = several }
        made[renamed[name] ?? name] = value
      }
      return .object(made)
    case .array(let elements): return .array(elements.map(normalized))
    default: return value
    }
  }

  private static func camel(_ snake: String) -> String {
    let parts = snake.split(separator: "_", omittingEmptySubsequences: true)
    guard parts.count > 1, let first = parts.first else { return snake }
    return first + parts.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
  }

  /// The collection of a kind in words without separators: `regionurlmap` and `urlmap` are both `urlMaps`.
  static func collection(_ words: String) -> String? {
    var words = words.lowercased().filter { $0 != "_" }
    for prefix in ["global", "region"] where words.hasPrefix(prefix) {
      words = String(words.dropFirst(prefix.count))
    }
    return collections[words]
  }

  private static let collections: [String: String] = [
    "healthcheck": "healthChecks", "backendservice": "backendServices", "urlmap": "urlMaps",
    "targethttpsproxy": "targetHttpsProxies", "targethttpproxy": "targetHttpProxies",
    "targetsslproxy": "targetSslProxies", "forwardingrule": "forwardingRules", "address": "addresses",
    "managedsslcertificate": "sslCertificates", "sslcertificate": "sslCertificates",
    "sslpolicy": "sslPolicies",
    "networkendpointgroup": "networkEndpointGroups", "instancegroup": "instanceGroups",
    "instancegroupmanager": "instanceGroups",
  ]
}
