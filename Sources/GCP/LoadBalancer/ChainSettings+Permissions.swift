extension ChainSettings {
  /// The IAM permissions that planning and applying this chain needs, sorted; those of the push are not among
  /// them.
  public func requiredPermissions(project: String) -> [String] {
    var found: Set<String> = ["compute.globalOperations.get", "compute.networkEndpointGroups.list"]
    if region != nil { found.insert("compute.regionOperations.get") }
    // Everything that an earlier configuration may have left is looked for, and removed.
    for kind in ChainKind.allCases where kind != .endpointGroup {
      found.insert("compute.\(kind.permissionName(.global)).list")
      if region != nil, kind.exists(in: scope) { found.insert("compute.\(kind.permissionName(scope)).list") }
    }
    for link in externals {
      switch (link.collection, link.scope) {
      case ("instanceGroups", _): found.insert("compute.instanceGroups.get")
      case ("sslPolicies", .global): found.insert("compute.sslPolicies.get")
      case ("sslPolicies", _): found.insert("compute.regionSslPolicies.get")
      default: break
      }
    }
    for resource in desired(project: project) {
      let name = resource.kind.permissionName(resource.scope)
      found.formUnion(Self.verbs(resource.kind).map { "compute.\(name).\($0)" })
      if case .zone = resource.scope { found.insert("compute.zoneOperations.get") }
      for link in resource.references(project: project) {
        found.formUnion(Self.use(of: link))
      }
    }
    return found.sorted()
  }

  private static func verbs(_ kind: ChainKind) -> [String] {
    switch kind {
    case .certificate: []
    case .address: ["create", "get", "setLabels"]
    case .endpointGroup:
      ["create", "delete", "get", "attachNetworkEndpoints", "detachNetworkEndpoints"]
    case .sslProxy:
      [
        "create", "delete", "get", "setBackendService", "setProxyHeader", "setSslCertificates",
        "setSslPolicy",
      ]
    case .forwardingRule: ["create", "delete", "get", "setLabels", "setTarget"]
    case .healthCheck, .backendService, .urlMap, .httpsProxy, .httpProxy:
      ["create", "delete", "get", "update"]
    }
  }

  /// What referring to a resource needs.
  private static func use(of link: ResourceLink) -> [String] {
    switch ChainKind(rawValue: link.collection) {
    case .certificate: ["compute.\(ChainKind.certificate.permissionName(link.scope)).get"]
    case .healthCheck: ["compute.\(ChainKind.healthCheck.permissionName(link.scope)).useReadOnly"]
    case let kind?: ["compute.\(kind.permissionName(link.scope)).use"]
    case nil:
      switch link.collection {
      case "instanceGroups": ["compute.instanceGroups.use"]
      case "networks": ["compute.networks.use"]
      case "subnetworks": ["compute.subnetworks.use"]
      case "sslPolicies": ["compute.sslPolicies.use"]
      default: []
      }
    }
  }
}
