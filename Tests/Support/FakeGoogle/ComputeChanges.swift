/// What each action does to a Compute resource.
extension World {
  mutating func change(
    _ resource: inout Resource, _ call: ComputeCall, _ collection: Collection, _ path: String
  ) throws(Failure) {
    let body = call.body
    switch call.action {
    case "patch", "update": try patch(&resource, call, collection, path)
    case "setSslCertificates":
      var links: [String] = []
      for (index, item) in (body["sslCertificates"]?.items ?? []).enumerated() {
        links.append(
          try canonical(
            item.string ?? "", field: "sslCertificates", text: "sslCertificates[\(index)]", from: path))
      }
      resource.body["sslCertificates"] = links.isEmpty ? nil : .strings(links)
      try checkCertificates(resource.body, path, isNew: false)
    case "setCertificateMap":
      if let map = body["certificateMap"]?.string, !map.isEmpty {
        resource.body["certificateMap"] = .string(
          try canonical(map, field: "certificateMap", text: "certificateMap", from: path))
      } else {
        resource.body["certificateMap"] = nil
        try checkCertificates(resource.body, path, isNew: false)
      }
    case "setUrlMap": try set("urlMap", "urlMap", &resource, body, path)
    case "setBackendService": try set("service", "service", &resource, body, path)
    case "setTarget": try set("target", "target", &resource, body, path)
    case "setSslPolicy":
      resource.body["sslPolicy"] = nil
      if body["sslPolicy"]?.isEmpty == false { try set("sslPolicy", "sslPolicy", &resource, body, path) }
    case "setProxyHeader": resource.body["proxyHeader"] = body["proxyHeader"] ?? "NONE"
    case "setQuicOverride": resource.body["quicOverride"] = body["quicOverride"] ?? "NONE"
    case "setLabels": resource.body["labels"] = body["labels"] ?? [:]
    case "setNamedPorts": resource.body["namedPorts"] = body["namedPorts"] ?? []
    case "attachNetworkEndpoints", "detachNetworkEndpoints":
      try changeEndpoints(&resource, body, isAttaching: call.action.hasPrefix("a"), path)
    default: throw Failure(501, "notImplemented", "the stand-in does not know \(call.action)")
    }
  }

  private mutating func set(
    _ member: String, _ field: String, _ resource: inout Resource, _ body: JSON, _ path: String
  ) throws(Failure) {
    guard let url = body[member]?.string, !url.isEmpty else { throw .required(member) }
    resource.body[member] = .string(try canonical(url, field: field, text: member, from: path))
  }

  private mutating func patch(
    _ resource: inout Resource, _ call: ComputeCall, _ collection: Collection, _ path: String
  ) throws(Failure) {
    let name = resource.body["name"]?.string ?? ""
    if let other = call.body["name"]?.string, other != name {
      throw .invalid("name", other, "The name of a resource cannot be changed.")
    }
    var inputs = BodyFields.inputs(collection.row, call.body)
    inputs["fingerprint"] = nil
    inputs["labelFingerprint"] = nil
    if call.action == "update" {
      let kept: Set<String> = ["kind", "id", "creationTimestamp", "name", "selfLink", "region", "zone"]
      resource.body = .object(resource.body.members.filter { kept.contains($0.key) })
    }
    resource.body.merge(inputs)
    try linkReferences(&resource.body, path, only: Set(inputs.keys))
    if collection.isSecureProxy { try checkCertificates(resource.body, path, isNew: false) }
  }

  private func changeEndpoints(
    _ resource: inout Resource, _ body: JSON, isAttaching: Bool, _ path: String
  ) throws(Failure) {
    let type = resource.body["networkEndpointType"]?.string ?? ""
    for (index, item) in (body["networkEndpoints"]?.items ?? []).enumerated() {
      var endpoint: JSON = .object(item.members.filter { !$0.value.isEmpty })
      let field = "networkEndpoints[\(index)]"
      if type == "INTERNET_FQDN_PORT", endpoint["fqdn"] == nil { throw .required("\(field).fqdn") }
      if type != "INTERNET_FQDN_PORT", endpoint["ipAddress"] == nil, endpoint["instance"] == nil {
        throw .required("\(field).ipAddress")
      }
      if endpoint["port"] == nil, let port = resource.body["defaultPort"] { endpoint["port"] = port }
      if isAttaching {
        if !resource.endpoints.contains(endpoint) { resource.endpoints.append(endpoint) }
      } else if let at = resource.endpoints.firstIndex(of: endpoint) {
        resource.endpoints.remove(at: at)
      } else {
        throw .invalid(field, endpoint.text, "The network endpoint is not attached.")
      }
    }
    if type.hasPrefix("INTERNET"), Self.scope(of: path) == "global", resource.endpoints.count > 1 {
      throw .invalid("networkEndpoints", "", "A global internet NEG holds one endpoint.")
    }
  }
}
