internal import JSON

/// Follows a chain from its proxy to both ends.
struct ImportedChainReader {
  let state: ImportedState
  let proxy: ImportedResource
  var chain = ImportedChain()
  var notes: [String] = []
  /// Resources that the configuration speaks of.
  var carried: Set<String> = []

  init(_ state: ImportedState, proxy name: String?) throws(ImportFailure) {
    self.state = state
    let all = state.resources.filter { ["targetHttpsProxies", "targetSslProxies"].contains($0.collection) }
    let chosen = all.filter { name == nil || $0.name == name }
    guard let first = chosen.first else {
      let known = all.map(\.name).joined(separator: ", ")
      throw ImportFailure(
        all.isEmpty
          ? "there is no target HTTPS or SSL proxy in it, at which a load balancer with TLS begins"
          : "there is no target proxy \(name ?? "") in it; there are \(known)")
    }
    proxy = first
    for other in chosen.dropFirst() {
      notes.append("\(other.address) is another load balancer: import it by --proxy \(other.name)")
    }
  }

  mutating func read() {
    carried.insert(proxy.label)
    chain.isSSL = proxy.collection == "targetSslProxies"
    if case .region(let region) = proxy.scope { chain.region = region }
    chain.project = project()
    let map = find(proxy.members["urlMap"], "urlMaps")
    chain.name = map?.name ?? proxy.name
    let usual = ChainName.make(chain.name, chain.isSSL ? "ssl-proxy" : "proxy")
    chain.call(chain.isSSL ? .sslProxy : .httpsProxy, usual, proxy.name)
    readFront()
    readCertificates()
    if let map {
      carried.insert(map.label)
      chain.call(.urlMap, ChainName.make(chain.name, "map"), map.name)
      readRoutes(map)
    } else if let service = find(
      proxy.members["service"] ?? proxy.members["backendService"], "backendServices")
    {
      chain.routes = [.init(hosts: domains().isEmpty ? ["*"] : domains(), service: service.name)]
    } else {
      notes.append(
        "\(proxy.address) leads to nothing that is in the file: routes and services are yours to write")
    }
    readRedirect()
    readServices()
    tellRest()
  }

  /// The resource that a link or a name leads to.
  func find(_ link: JSONValue?, _ collection: String) -> ImportedResource? {
    guard let text = link?.string, !text.isEmpty else { return nil }
    let label = ResourceLink(text, project: "-").description
    let all = state.resources.filter { $0.collection == collection }
    return all.first { $0.label == label } ?? all.first { $0.name == text }
  }

  private func project() -> String {
    for resource in [proxy] + state.resources {
      if let text = resource.members["project"]?.string { return text }
      for member in ["selfLink", "id"] {
        if let text = resource.members[member]?.string, text.contains("projects/") {
          return ResourceLink(text, project: "-").project
        }
      }
    }
    return ""
  }

  // MARK: Front

  private mutating func readFront() {
    let rules = state.resources.filter { rule in
      rule.collection == "forwardingRules"
        && find(rule.members["target"], proxy.collection ?? "")?.label == proxy.label
    }
    if rules.isEmpty {
      notes.append("no forwarding rule leads to \(proxy.address): certd makes one with an address")
    }
    for rule in rules {
      carried.insert(rule.label)
      let ports = rule.members["portRange"]?.string ?? "443"
      guard ports == "443" || ports == "443-443" else {
        notes.append("\(rule.address) is on port \(ports): only 443 is carried")
        continue
      }
      if rule.members["loadBalancingScheme"]?.string ?? "EXTERNAL" == "EXTERNAL" {
        notes.append(
          "\(rule.address) is of a classic load balancer (EXTERNAL), certd's are EXTERNAL_MANAGED: migrate it as "
            + "Google describes, or take another name and address and let DNS change over")
      }
      let holder = address(of: rule)
      if let holder { carried.insert(holder.label) }
      let isIPv6 =
        holder?.members["ipVersion"]?.string == "IPV6" || rule.members["ipVersion"]?.string == "IPV6"
        || rule.members["IPAddress"]?.string?.contains(":") == true
          && rule.members["IPAddress"]?.string?.contains("/") == false
      if isIPv6 {
        chain.ipv6Address = holder?.name ?? "\(chain.name)-ipv6"
      } else {
        chain.address = holder?.name
        chain.network = rule.members["network"]?.string.map { ResourceLink($0, project: "-").name }
      }
      if holder == nil {
        notes.append(
          "\(rule.address) has no reserved address in the file: certd reserves a new one, to which DNS must point"
        )
      }
      chain.call(.forwardingRule, ChainName.make(chain.name, isIPv6 ? "https-ipv6" : "https"), rule.name)
    }
    if let policy = proxy.members["sslPolicy"]?.string, !policy.isEmpty {
      chain.sslPolicy = ResourceLink(policy, project: "-").name
      if let found = find(.string(policy), "sslPolicies") { carried.insert(found.label) }
    }
  }

  /// The reserved address of a rule: named by it, or the one with its digits.
  private func address(of rule: ImportedResource) -> ImportedResource? {
    let wanted = rule.members["IPAddress"]
    return find(wanted, "addresses")
      ?? state.resources.first {
        $0.collection == "addresses" && wanted != nil && $0.members["address"] == wanted
      }
  }

  // MARK: Certificates

  private func certificates() -> [ImportedResource] {
    (proxy.members["sslCertificates"]?.strings ?? []).compactMap { find(.string($0), "sslCertificates") }
  }

  /// The names that managed certificates on the proxy are for.
  func domains() -> [String] {
    var seen: Set<String> = []
    return certificates().flatMap { certificate in
      (certificate.members["managed"]?["domains"]?.strings ?? []).map { domain in
        domain.hasSuffix(".") ? String(domain.dropLast()) : domain
      }
    }.filter { seen.insert($0).inserted }
  }

  private mutating func readCertificates() {
    if let map = proxy.members["certificateMap"]?.string, !map.isEmpty {
      chain.usesManager = true
      notes.append(
        "the certificate map \(ResourceLink(map, project: "-").name) stays until certd's own takes its place")
    }
    for certificate in certificates() {
      carried.insert(certificate.label)
      let names = certificate.members["managed"]?["domains"]?.strings ?? []
      notes.append(
        names.isEmpty
          ? "\(certificate.address): its private key cannot be carried; certd obtains a certificate for the hosts, or name "
            + "its files under certificates"
          : "\(certificate.address) is managed by Google for \(names.joined(separator: ", ")): it stays beside ours until "
            + "'certd gcp migrate \(proxy.name)' takes it off")
    }
  }

  private mutating func readRedirect() {
    for front in state.resources where front.collection == "targetHttpProxies" {
      guard let map = find(front.members["urlMap"], "urlMaps"),
        map.members["defaultUrlRedirect"]?["httpsRedirect"]?.bool == true
      else { continue }
      guard
        let rule = state.resources.first(where: {
          $0.collection == "forwardingRules"
            && find($0.members["target"], "targetHttpProxies")?.label == front.label
        })
      else { continue }
      chain.redirects = true
      carried.formUnion([front.label, map.label, rule.label])
      chain.call(.urlMap, ChainName.make(chain.name, "redirect"), map.name)
      chain.call(.httpProxy, ChainName.make(chain.name, "redirect"), front.name)
      chain.call(.forwardingRule, ChainName.make(chain.name, "http"), rule.name)
      return
    }
  }

  private mutating func tellRest() {
    for resource in state.resources where resource.collection != nil && !carried.contains(resource.label) {
      let isGroup = ["instanceGroups", "networkEndpointGroups"].contains(resource.collection)
      if !isGroup { notes.append("\(resource.address) is no part of this load balancer and not carried") }
    }
    let others = state.resources.filter { resource in
      resource.collection == nil || ["instanceGroups", "networkEndpointGroups"].contains(resource.collection)
    }.map(\.address)
    if !others.isEmpty {
      let more = others.count > 20 ? " and \(others.count - 20) more" : ""
      notes.append("stay with the program: \(others.prefix(20).joined(separator: ", "))\(more)")
    }
  }
}
