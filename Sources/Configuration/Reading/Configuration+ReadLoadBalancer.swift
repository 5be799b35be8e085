internal import GCP

extension Configuration {
  static func readLoadBalancer(
    _ gcp: Section, _ usual: Target.Route
  ) -> LoadBalancerSettings? {
    guard gcp.has("load_balancer") else { return nil }
    let section = gcp.section("load_balancer")
    var balancer: LoadBalancerSettings = section.settings()
    let (kind, region) = (balancer.kind, balancer.region)
    if kind == .ssl, region != nil {
      section.report.error(
        section.origin(of: "region"), "target SSL proxies are global", "remove it, or use kind: https")
    }
    if region != nil, balancer.ipv6Address != nil {
      section.report.error(
        section.origin(of: "ipv6_address"), "regional load balancers have IPv4 addresses alone",
        "remove it, or region")
    }
    if region == nil, section.has("network") {
      section.report.error(
        section.origin(of: "network"), "belongs to regional load balancers", "add region, or remove it")
    }
    let certificates =
      section.has("certificates") ? section.texts("certificates", nonEmpty: true, Word.name) : nil
    let route: Target.Route? = section.choice("target")
    if (route ?? usual) == .classic, (certificates?.count ?? 0) > 15 {
      section.report.error(
        section.origin(of: "certificates"), "a proxy takes at most 15 classic certificates",
        "set target: certificate-manager")
    }
    let services =
      section.has("groups") ? section.members("groups").compactMap { readGroups($0, section) } : []
    if kind == .ssl, balancer.redirect {
      section.report.error(
        section.origin(of: "redirect"), "an ssl load balancer does not speak HTTP", "remove it")
    }
    if let name = section.text("name", CloudText.name) { balancer.name = name }
    balancer.address = section.text("address", CloudText.name) ?? "\(balancer.name)-ip"
    balancer.route = route ?? usual
    balancer.names = readNames(section)
    balancer.certificates = certificates
    balancer.services = services
    balancer.origin = section.origin
    return balancer
  }

  private static let collections = [
    "healthChecks", "networkEndpointGroups", "addresses", "backendServices", "urlMaps", "targetHttpsProxies",
    "targetHttpProxies", "targetSslProxies", "forwardingRules",
  ]

  private static func readNames(_ section: Section) -> [String: String] {
    var names: [String: String] = [:]
    for member in section.has("names") ? section.members("names") : [] {
      let origin = Origin(
        position: member.position, path: Section.join(section.origin(of: "names").path, member.key))
      let kind = String(member.key.prefix { $0 != "/" })
      if !collections.contains(kind) || !member.key.contains("/") {
        section.report.error(
          origin, "expected a kind and the usual name, as in urlMaps/edge-map",
          Nearest.hint(for: kind, among: collections))
      }
      names[member.key] = section.text(member.value, at: origin, CloudText.name)
    }
    return names
  }

  private static func readGroups(_ member: YAMLNode.Entry, _ section: Section) -> LoadBalancerService? {
    let origin = Origin(
      position: member.position, path: Section.join(section.origin(of: "groups").path, member.key))
    guard case .sequence(let items) = member.value.content else {
      section.report.error(origin, "expected a list, found \(member.value.kind)")
      return nil
    }
    if items.isEmpty { section.report.error(origin, "the list is empty") }
    let groups = items.enumerated().compactMap { index, node in
      readGroup(
        Section(
          node, tablePath: "gcp.load_balancer.groups.*[]", path: "\(origin.path)[\(index)]",
          report: section.report))
    }
    return LoadBalancerService(service: member.key, groups: groups, origin: origin)
  }

  private static func readGroup(_ section: Section) -> LoadBalancerGroup? {
    var places: [LoadBalancerGroup.Place] = []
    let instances = section.text("instance_group") { text throws(Invalid) in
      try CloudText.path(
        text, of: ["instanceGroups"], example: "zones/us-central1-a/instanceGroups/vllm")
    }
    if let instances { places.append(.instanceGroup(instances)) }
    let endpoints = section.text("neg") { text throws(Invalid) in
      try CloudText.path(
        text, of: ["networkEndpointGroups"], example: "zones/us-central1-a/networkEndpointGroups/chat")
    }
    if let endpoints { places.append(.endpointGroup(endpoints)) }
    if section.has("make_neg") { places.append(.made(readMade(section.section("make_neg")))) }
    let written = ["instance_group", "neg", "make_neg"].filter(section.has)
    if written.count != 1 {
      section.report.error(
        section.origin, "a group is one of instance_group, neg and make_neg",
        written.isEmpty ? "add one" : "make a group of each")
    }
    let limits = ["max_utilization", "max_rate", "max_connections"].filter(section.has)
    if limits.count > 1 {
      section.report.error(
        section.origin(of: limits[1]), "a group has one measure of its load", "remove \(limits[0]) or it")
    }
    for key in ["max_utilization", "named_port"] where section.has(key) && instances == nil {
      section.report.error(section.origin(of: key), "belongs to instance groups", "remove it")
    }
    var group: LoadBalancerGroup = section.settings()
    if let place = places.first { group.place = place }
    group.maxUtilization = section.text("max_utilization", CloudText.share)
    group.origin = section.origin
    return places.isEmpty ? nil : group
  }

  private static func readMade(_ section: Section) -> MadeEndpointGroup {
    var made: MadeEndpointGroup = section.settings()
    let (kind, zone) = (made.type, made.zone)
    let isInternet = kind?.isInternet == true
    if isInternet, zone != nil {
      section.report.error(
        section.origin(of: "zone"), "endpoints on the internet have no zone", "remove it or the type")
    }
    if let kind, !isInternet, zone == nil {
      section.report.error(section.origin, "endpoints of type \(kind.rawValue) have a zone", "add zone")
    }
    for member in section.has("instances") ? section.members("instances") : [] {
      let origin = Origin(
        position: member.position, path: Section.join(section.origin(of: "instances").path, member.key))
      made.instances[member.key] = section.text(member.value, at: origin, CloudText.name)
    }
    made.subnetwork = section.text("subnetwork") { text throws(Invalid) in
      try CloudText.path(
        text, of: ["subnetworks"], example: "regions/us-central1/subnetworks/models")
    }
    return made
  }

  /// Names of the section that must be those of services.
  func checkLoadBalancer(_ report: Report) {
    guard let balancer = gcp?.loadBalancer else { return }
    let names = services.map(\.name)
    for service in balancer.services where !names.contains(service.service) {
      report.error(
        service.origin, "there is no service \(quoted(service.service))",
        Nearest.hint(for: service.service, among: names) ?? "known: \(alternatives(names))")
    }
    if routes.isEmpty { report.error(balancer.origin, "there are no routes to make it of", "add routes") }
  }
}
