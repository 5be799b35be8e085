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

  /// `paths`: those of the route whose variables may be named; none for every route.
  static func readHeaders(_ section: Section, _ paths: [Located<Settings.PathMatch>] = [])
    -> Settings.FieldEdits
  {
    var edits = Settings.FieldEdits()
    edits.request = readFields(section.section("request"), paths)
    edits.response = readFields(section.section("response"), paths)
    return edits
  }

  private static func readFields(
    _ section: Section, _ paths: [Located<Settings.PathMatch>]
  ) -> Settings.MessageEdits {
    var edits: Settings.MessageEdits = section.settings()
    edits.set = readFields(section, "set", paths)
    edits.add = readFields(section, "add", paths)
    return edits
  }

  private static func readFields(
    _ section: Section, _ key: String, _ paths: [Located<Settings.PathMatch>]
  ) -> [Fields.Field] {
    var fields: [Fields.Field] = []
    for member in section.members(key) {
      let origin = Origin(
        position: member.position, path: Section.join(section.origin(of: key).path, member.key))
      let name: String
      do throws(Invalid) { name = try FieldText.name(member.key) } catch {
        section.report.error(origin, error)
        continue
      }
      if fields.contains(where: { $0.name.lowercased() == name.lowercased() }) {
        section.report.error(origin, "the field stands twice", "names differ in more than their case")
      }
      if let value = section.text(member.value, at: origin, FieldText.value) {
        checkValue(value, member.value, origin, paths, section.report)
        fields.append(Fields.Field(name, value))
      }
    }
    return fields
  }
}
