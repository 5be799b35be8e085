internal import HTTP
internal import Proxy

extension Configuration {
  static func readListeners(_ top: Section) -> [Listener] {
    guard top.has("listeners") else {
      return [
        Listener(address: ListenAddress(host: nil, port: 443), origin: .none),
        Listener(
          address: ListenAddress(host: nil, port: 80), tls: .off, redirectsToHTTPS: true, origin: .none),
      ]
    }
    var listeners: [Listener] = []
    for section in top.sections("listeners") ?? [] {
      let address = section.text("address", ListenAddress.parse)
      let redirect: RedirectTarget? = section.choice("redirect")
      let (tls, custom) = readTLS(section, redirects: redirect != nil)
      let clients = readClientCertificates(section, tls)
      var listener = Listener(address: address ?? ListenAddress(host: nil, port: 0), origin: section.origin)
      section.fill(&listener)
      if listener.earlyData { checkEarlyData(section, tls, clients) }
      if redirect != nil, tls != .off {
        section.report.error(
          section.origin(of: "tls"), "a listener that redirects to HTTPS cannot speak TLS itself",
          "remove tls or redirect")
      }
      if listener.h2c, tls != .off {
        section.report.error(
          section.origin(of: "h2c"), "a listener with TLS offers HTTP/2 by itself", "remove h2c")
      }
      let proxyProtocol = section.section("proxy_protocol")
      let trusted =
        section.has("proxy_protocol")
        ? proxyProtocol.texts("trusted", nonEmpty: true, AddressRange.parse) ?? [] : []
      guard let address else { continue }
      if address.port != 0, let other = listeners.first(where: { $0.address == address }) {
        section.report.error(
          section.origin(of: "address"), "\(address) is already taken by \(other.origin.path)")
      }
      listener.tls = tls
      listener.customTLS = custom
      listener.clientCertificates = clients
      listener.redirectsToHTTPS = redirect != nil
      listener.proxyProtocolFrom = trusted.map(\.value)
      listeners.append(listener)
    }
    return listeners
  }

  private enum RedirectTarget: String, WordValue { case https }

  static func readHeaders(_ section: Section) -> Settings.FieldEdits {
    var edits = Settings.FieldEdits()
    edits.request = readFields(section.section("request"))
    edits.response = readFields(section.section("response"))
    return edits
  }

  private static func readFields(_ section: Section) -> Settings.MessageEdits {
    var edits: Settings.MessageEdits = section.settings()
    for member in section.members("set") {
      let origin = Origin(
        position: member.position, path: Section.join(section.origin(of: "set").path, member.key))
      let name: String
      do throws(Invalid) { name = try FieldText.name(member.key) } catch {
        section.report.error(origin, error)
        continue
      }
      if edits.set.contains(where: { $0.name.lowercased() == name.lowercased() }) {
        section.report.error(origin, "the field stands twice", "names differ in more than their case")
      }
      if let value = section.text(member.value, at: origin, FieldText.value) {
        edits.set.append(Fields.Field(name, value))
      }
    }
    return edits
  }

  static func readRoutes(_ top: Section) -> [Route] {
    (top.sections("routes") ?? []).compactMap { section in
      let hosts =
        section.has("hosts")
        ? section.texts("hosts", nonEmpty: true, HostPattern.parse)
        : [Located(HostPattern.any, origin: section.origin)]
      let paths =
        section.has("paths")
        ? section.texts("paths", nonEmpty: true, Settings.PathMatch.parse)
        : [Located(Settings.PathMatch.prefix("/"), origin: section.origin)]
      let service = section.text("service", Word.name)
      let auth = section.section("auth")
      let keyFile = auth.path("api_keys").map { Located($0, origin: auth.origin(of: "api_keys")) }
      if section.has("auth"), !auth.has("api_keys") {
        section.report.error(auth.origin, "asks for nothing", "name a file by api_keys, or remove it")
      }
      var rules: Settings.RouteRules = section.settings()
      rules.headers = readHeaders(section.section("headers"))
      rules.cors = readCrossOrigin(section, rules.headers)
      checkPrefix(rules.stripPrefix, section, paths ?? [])
      let models = readModels(section)
      let keyGroups = readKeyGroups(section)
      for key in ["model_header", "model_path"] where section.has(key) && models.isEmpty {
        section.report.error(
          section.origin(of: key), "names a model, and no service is chosen by it", "add models")
      }
      guard let hosts, let paths, let service else { return nil }
      return Route(
        hosts: hosts, paths: paths, service: Located(service, origin: section.origin(of: "service")),
        rules: rules, keyFile: keyFile, keyGroups: keyGroups, models: models, origin: section.origin)
    }
  }

  /// A path that has nothing to take off is a mistake.
  private static func checkPrefix(_ strip: String, _ section: Section, _ paths: [Located<Settings.PathMatch>])
  {
    for path in paths where section.has("paths") && !strip.isEmpty {
      let text =
        switch path.value {
        case .exact(let text), .prefix(let text): text
        }
      if text != strip, !text.hasPrefix(strip + "/") {
        section.report.error(
          path.origin, "\(quoted(text)) does not begin with the strip_prefix \(quoted(strip))",
          "give it a route of its own")
      }
    }
  }
}
