import Bytes

/// What is particular to each kind of Compute resource when it is made or changed.
extension World {
  /// Checks a new resource and fills in Google's defaults.
  mutating func complete(
    _ resource: inout Resource, _ collection: Collection, _ path: String
  ) throws(Failure) {
    switch collection.name {
    case "sslCertificates": return try completeCertificate(&resource, path)
    case "targetHttpsProxies", "targetHttpProxies":
      guard resource.body["urlMap"]?.isEmpty == false else { throw .required("urlMap") }
    case "targetSslProxies":
      guard resource.body["service"]?.isEmpty == false else { throw .required("service") }
    case "urlMaps": try checkURLMap(resource.body)
    default: break
    }
    try linkReferences(&resource.body, path)
    if collection.isSecureProxy { try checkCertificates(resource.body, path, isNew: true) }
    switch collection.name {
    case "targetHttpsProxies": fill(&resource, ["quicOverride": "NONE"])
    case "targetSslProxies": fill(&resource, ["proxyHeader": "NONE"])
    case "backendServices": try completeBackendService(&resource)
    case "healthChecks": try completeHealthCheck(&resource)
    case "networkEndpointGroups": try completeGroup(&resource, path)
    case "instanceGroups": fill(&resource, ["size": 0])
    case "addresses":
      fill(
        &resource,
        [
          "address": .string("203.0.113.\(next() % 254 + 1)"), "addressType": "EXTERNAL",
          "networkTier": "PREMIUM", "ipVersion": "IPV4",
        ])
    case "forwardingRules": try completeRule(&resource, path)
    default: break
    }
  }

  private func fill(_ resource: inout Resource, _ defaults: [String: JSON]) {
    for (name, value) in defaults where resource.body[name] == nil { resource.body[name] = value }
  }

  private mutating func completeCertificate(_ resource: inout Resource, _ path: String) throws(Failure) {
    var body = resource.body
    let isManaged = body["type"] == "MANAGED" || body["type"] == nil && body["managed"] != nil
    let scope = Self.scope(of: path)
    if isManaged {
      guard scope == "global" else {
        throw .invalid("type", "MANAGED", "Regional certificates must be self-managed.")
      }
      guard let domains = body["managed"]?["domains"], !domains.isEmpty else {
        throw .invalid("managed", "", "A managed certificate takes managed.domains.")
      }
      body["type"] = "MANAGED"
      body["managed"] = ["domains": domains, "status": "PROVISIONING"]
      resource.body = body
      return
    }
    let own = body["selfManaged"]
    guard own == nil || body["certificate"] == nil && body["privateKey"] == nil else {
      throw .invalid("selfManaged", "", "Either certificate and privateKey or selfManaged may be given.")
    }
    let prefix = own == nil ? "" : "selfManaged."
    guard let certificate = (own ?? body)["certificate"]?.string else {
      throw .required("\(prefix)certificate")
    }
    guard let key = (own ?? body)["privateKey"]?.string else { throw .required("\(prefix)privateKey") }
    let facts = try CertificateFacts(
      certificate: certificate, key: key, place: scope == "global" ? .global : .regional)
    body["privateKey"] = nil
    body["type"] = "SELF_MANAGED"
    body["certificate"] = .string(certificate)
    body["selfManaged"] = ["certificate": .string(certificate)]
    body["expireTime"] = .string(facts.notAfter.description)
    if !facts.names.isEmpty { body["subjectAlternativeNames"] = .strings(facts.names) }
    resource.body = body
    resource.facts = facts
  }

  private func checkURLMap(_ body: JSON) throws(Failure) {
    guard ["defaultService", "defaultUrlRedirect", "defaultRouteAction"].contains(where: { body[$0] != nil })
    else { throw .required("defaultService") }
    let names = Set((body["pathMatchers"]?.items ?? []).compactMap { $0["name"]?.string })
    for (index, rule) in (body["hostRules"]?.items ?? []).enumerated() {
      let matcher = rule["pathMatcher"]?.string ?? ""
      guard names.contains(matcher) else {
        throw .invalid("hostRules[\(index)].pathMatcher", matcher, "Path matcher is not defined.")
      }
      guard rule["hosts"]?.isEmpty == false else { throw .required("hostRules[\(index)].hosts") }
    }
  }

  /// The certificates of a proxy as a whole.
  func checkCertificates(_ body: JSON, _ path: String, isNew: Bool) throws(Failure) {
    let links = body["sslCertificates"]?.items.compactMap(\.string) ?? []
    guard !links.isEmpty || body["certificateMap"] != nil else {
      throw isNew
        ? .required("sslCertificates")
        : Failure(
          400, "invalid", "At least 1 SSL certificate must be specified for setting SSL certificates.")
    }
    let classic = links.filter { !$0.hasPrefix(Self.managerLink) }
    guard classic.isEmpty || classic.count == links.count else {
      throw .invalid("sslCertificates", "", "Classic and Certificate Manager certificates cannot be mixed.")
    }
    guard links.count <= (classic.isEmpty ? 100 : 15) else {
      throw .invalid("sslCertificates", "", "Too many SSL certificates: \(links.count).")
    }
    guard Set(links).count == links.count else {
      throw .invalid("sslCertificates", "", "The same SSL certificate is listed more than once.")
    }
  }

  private func completeBackendService(_ resource: inout Resource) throws(Failure) {
    let checks = resource.body["healthChecks"]?.items.count ?? 0
    guard checks <= 1 else {
      throw .invalid("healthChecks", "", "At most one health check may be specified.")
    }
    var needsCheck = false
    var backends = resource.body["backends"]?.items ?? []
    for index in backends.indices {
      let path = path(of: backends[index]["group"]?.string ?? "") ?? ""
      let isInstances = Self.collection(of: path) == "instanceGroups"
      let type = compute[path]?.body["networkEndpointType"]?.string
      needsCheck =
        needsCheck || isInstances || type == "GCE_VM_IP_PORT" || type == "NON_GCP_PRIVATE_IP_PORT"
      if backends[index]["balancingMode"] == nil {
        backends[index]["balancingMode"] = isInstances ? "UTILIZATION" : "RATE"
      }
      if backends[index]["capacityScaler"] == nil { backends[index]["capacityScaler"] = 1 }
    }
    if !backends.isEmpty { resource.body["backends"] = .list(backends) }
    if needsCheck, checks == 0 { throw .required("healthChecks") }
    fill(
      &resource,
      [
        "protocol": "HTTP", "loadBalancingScheme": "EXTERNAL", "timeoutSec": 30, "sessionAffinity": "NONE",
        "affinityCookieTtlSec": 0, "enableCDN": false, "connectionDraining": ["drainingTimeoutSec": 0],
        "portName": "http", "port": 80,
      ])
  }

  private static let checkSections = [
    "TCP": "tcpHealthCheck", "SSL": "sslHealthCheck", "HTTP": "httpHealthCheck", "HTTPS": "httpsHealthCheck",
    "HTTP2": "http2HealthCheck", "GRPC": "grpcHealthCheck", "GRPC_WITH_TLS": "grpcTlsHealthCheck",
  ]

  private func completeHealthCheck(_ resource: inout Resource) throws(Failure) {
    var body = resource.body
    let given = Self.checkSections.filter { body[$0.value] != nil }
    guard let type = body["type"]?.string ?? (given.count == 1 ? given.first?.key : nil) else {
      throw .required("type")
    }
    guard let section = Self.checkSections[type] else {
      throw .invalid("type", type, "Unsupported health check type.")
    }
    if let other = given.values.sorted().first(where: { $0 != section }) {
      throw .invalid(other, "", "Does not match health check type \(type).")
    }
    body["type"] = .string(type)
    for (name, value, range) in [
      ("checkIntervalSec", 5.0, 1...300.0), ("timeoutSec", 5, 1...300), ("healthyThreshold", 2, 1...10),
      ("unhealthyThreshold", 2, 1...10),
    ] {
      if body[name] == nil { body[name] = .number(value) }
      guard let number = body[name]?.number, range.contains(number) else {
        throw .invalid(name, body[name]?.text ?? "", "Must be between 1 and \(Int(range.upperBound)).")
      }
    }
    guard (body["timeoutSec"]?.number ?? 0) <= (body["checkIntervalSec"]?.number ?? 0) else {
      throw .invalid("timeoutSec", body["timeoutSec"]?.text ?? "", "Must not exceed checkIntervalSec.")
    }
    var inner = body[section] ?? [:]
    if type.hasPrefix("HTTP") {
      if inner["requestPath"] == nil { inner["requestPath"] = "/" }
      if inner["proxyHeader"] == nil { inner["proxyHeader"] = "NONE" }
      let path = inner["requestPath"]?.string ?? ""
      guard path.hasPrefix("/") else {
        throw .invalid("\(section).requestPath", path, "Must start with '/'.")
      }
    }
    if inner["portSpecification"] == nil, inner["port"] == nil, !type.hasPrefix("GRPC") {
      inner["port"] = type == "HTTP" || type == "TCP" ? 80 : 443
    }
    body[section] = inner
    resource.body = body
  }

  private func completeGroup(_ resource: inout Resource, _ path: String) throws(Failure) {
    guard let type = resource.body["networkEndpointType"]?.string else {
      throw .required("networkEndpointType")
    }
    let place = Self.scope(of: path).split(separator: "/").first ?? ""
    let allowed: [String] =
      switch place {
      case "global": ["INTERNET_FQDN_PORT", "INTERNET_IP_PORT"]
      case "zones": ["GCE_VM_IP_PORT", "GCE_VM_IP", "NON_GCP_PRIVATE_IP_PORT"]
      default: ["SERVERLESS", "INTERNET_FQDN_PORT", "INTERNET_IP_PORT", "PRIVATE_SERVICE_CONNECT"]
      }
    guard allowed.contains(type) else {
      throw .invalid("networkEndpointType", type, "Not supported for this scope.")
    }
  }

  private mutating func completeRule(_ resource: inout Resource, _ path: String) throws(Failure) {
    guard resource.body["target"] != nil || resource.body["backendService"] != nil else {
      throw .required("target")
    }
    let given = resource.body["IPAddress"]?.string ?? ""
    if given.isEmpty {
      resource.body["IPAddress"] = .string("203.0.113.\(next() % 254 + 1)")
    } else if given.contains("/") {
      guard let address = self.path(of: given), Self.collection(of: address) == "addresses" else {
        throw .invalid("IPAddress", given, "The URL is malformed.")
      }
      let permission = Collection.of(address)?.permissionName(Self.scope(of: address)) ?? ""
      try permit("compute.\(permission).use", on: address)
      guard let found = compute[address] else {
        touch(address)
        throw .notFound(address)
      }
      resource.body["IPAddress"] = found.body["address"]
    }
    fill(
      &resource, ["IPProtocol": "TCP", "loadBalancingScheme": "EXTERNAL", "networkTier": "PREMIUM"])
    if resource.body["target"] != nil {
      let range = resource.body["portRange"]?.string ?? ""
      let ends = range.split(separator: "-").compactMap { UInt16($0) }
      guard let port = ends.first, ends.last == port, (1...2).contains(ends.count), port > 0 else {
        throw .invalid("portRange", range, "A forwarding rule for a target proxy takes exactly one port.")
      }
      resource.body["portRange"] = .string("\(port)-\(port)")
    }
    for (other, rule) in compute where Self.collection(of: other) == "forwardingRules" {
      if rule.body["IPAddress"] == resource.body["IPAddress"],
        rule.body["portRange"] == resource.body["portRange"]
      {
        throw .invalid("IPAddress", given, "Specified IP address is in-use and would result in a conflict.")
      }
    }
  }
}
