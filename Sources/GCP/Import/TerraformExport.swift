internal import JSON

/// A chain as Terraform's configuration, with the blocks that import what is there: a way out for whoever wants one.
///
/// Pure. The resources keep certd's descriptions, and the proxy's certificates are left out of Terraform's comparison, so
/// that certd can go on renewing them. Values of header fields, which may be secrets, become variables.
public struct TerraformExport: Sendable {
  private let resources: [ChainResource]
  private let project: String
  /// Terraform's addresses by Google's links.
  private let addresses: [String: String]

  /// The export of a chain in a project.
  public init(_ settings: ChainSettings, project: String) {
    resources = settings.desired(project: project)
    self.project = project
    var addresses: [String: String] = [:]
    for resource in resources {
      addresses[ResourceLink(resource.label, project: project).computeURL] = Self.address(of: resource)
    }
    self.addresses = addresses
  }

  /// The whole file.
  public var text: String {
    var writer = TerraformWriter()
    writer.block("terraform") { terraform in
      terraform.block("required_providers") { $0.line("google = { source = \"hashicorp/google\" }") }
    }
    writer.block("provider \"google\"") { $0.attribute("project", .string(project)) }
    for resource in resources { write(resource, &writer) }
    for name in writer.variables {
      writer.block("variable \"\(name)\"") { variable in
        variable.line("type      = string")
        variable.line("sensitive = true")
      }
    }
    return writer.text
  }

  private static func type(of resource: ChainResource) -> String {
    let isRegional = if case .region = resource.scope { true } else { false }
    let words: String
    switch resource.kind {
    case .healthCheck: words = "health_check"
    case .endpointGroup: words = "network_endpoint_group"
    case .address: words = "address"
    case .certificate: words = "ssl_certificate"
    case .backendService: words = "backend_service"
    case .urlMap: words = "url_map"
    case .httpsProxy: words = "target_https_proxy"
    case .httpProxy: words = "target_http_proxy"
    case .sslProxy: words = "target_ssl_proxy"
    case .forwardingRule: words = "forwarding_rule"
    }
    let isByScope = resource.kind == .address || resource.kind == .forwardingRule
    let prefix: String
    if resource.scope == .global, isByScope || resource.kind == .endpointGroup {
      prefix = "global_"
    } else {
      prefix = isRegional && !isByScope ? "region_" : ""
    }
    return "google_compute_\(prefix)\(words)"
  }

  private static func address(of resource: ChainResource) -> String {
    "\(type(of: resource)).\(resource.name.replacing("-", with: "_"))"
  }

  private func write(_ resource: ChainResource, _ writer: inout TerraformWriter) {
    let address = Self.address(of: resource)
    let path = ResourceLink(resource.label, project: project).path
    writer.block("import") { one in
      one.line("to = \(address)")
      one.attribute("id", .string(path))
    }
    let members = Self.members(of: resource)
    let parts = address.split(separator: ".")
    writer.block("resource \"\(parts[0])\" \"\(parts[1])\"") { body in
      body.attribute("name", .string(resource.name))
      switch resource.scope {
      case .global: break
      case .region(let region): body.attribute("region", .string(region))
      case .zone(let zone): body.attribute("zone", .string(zone))
      }
      body.members(members, addresses)
      if resource.kind.holdsCertificates {
        body.block("lifecycle") {
          $0.line(
            "ignore_changes = [\(resource.body["certificateMap"] == nil ? "ssl_certificates" : "certificate_map")]"
          )
        }
      }
    }
    for endpoint in resource.endpoints ?? [] { write(endpoint, of: resource, path, &writer) }
  }

  /// In the shape that Terraform has them, still with Google's names.
  private static func members(of resource: ChainResource) -> JSONValue {
    var members = resource.body.withoutNulls
    if let drain = members["connectionDraining"]?["drainingTimeoutSec"] {
      members["connectionDrainingTimeoutSec"] = drain
      members["connectionDraining"] = nil
    }
    if resource.kind == .sslProxy {
      members["backendService"] = members["service"]
      members["service"] = nil
    }
    return members
  }

  /// An endpoint of a group is a resource of its own.
  private func write(
    _ endpoint: JSONValue, of group: ChainResource, _ path: String, _ writer: inout TerraformWriter
  ) {
    let isGlobal = group.scope == .global
    let isRegional = if case .region = group.scope { true } else { false }
    let kind =
      isGlobal ? "global_network_endpoint" : isRegional ? "region_network_endpoint" : "network_endpoint"
    func text(_ member: String) -> String { endpoint[member].map { $0.string ?? $0.text } ?? "" }
    let host = text("ipAddress") + text("fqdn")
    let name = "\(group.name)-\(host)-\(text("port"))".map { $0.isLetter || $0.isNumber ? String($0) : "_" }
      .joined()
    let type = "google_compute_\(kind)"
    let id =
      isGlobal || isRegional
      ? "\(path)/\(text("ipAddress"))/\(text("fqdn"))/\(text("port"))"
      : "\(path)/\(text("instance"))/\(text("ipAddress"))/\(text("port"))"
    writer.block("import") { one in
      one.line("to = \(type).\(name)")
      one.attribute("id", .string(id))
    }
    writer.block("resource \"\(type)\" \"\(name)\"") { body in
      let member = isGlobal ? "global_" : isRegional ? "region_" : ""
      body.line("\(member)network_endpoint_group = \(Self.address(of: group)).name")
      if case .zone(let zone) = group.scope { body.attribute("zone", .string(zone)) }
      if case .region(let region) = group.scope { body.attribute("region", .string(region)) }
      for member in ["instance", "ipAddress", "fqdn", "port"] {
        if let value = endpoint[member] { body.members(.object([member: value]), [:]) }
      }
    }
  }
}
