internal import Proxy

extension Configuration {
  static func readAdmin(_ section: Section) -> AdminSettings {
    var admin = AdminSettings.standard
    let socket = section.text("socket") { text throws(Invalid) -> AdminSettings.Socket in
      let path = try Word.line(text)
      return path == "off" ? .off : .path(section.report.resolved(path))
    }
    if let socket { admin.socket = socket }
    admin.address = section.text("address") { text throws(Invalid) -> ListenAddress in
      let address = try ListenAddress.parse(text)
      guard let host = address.host, isLoopback(host) else {
        throw Invalid(
          "\(quoted(text)) can be reached from other machines",
          "write 127.0.0.1:\(address.port); for other machines, a route to a service with the backend admin:read"
        )
      }
      return address
    }
    let origin = section.origin(of: "token_file")
    admin.tokenFile = section.path("token_file").map { Located($0, origin: origin) }
    let changeOrigin = section.origin(of: "change_token_file")
    admin.changeTokenFile = section.path("change_token_file").map { Located($0, origin: changeOrigin) }
    if admin.changeTokenFile != nil, admin.address == nil {
      section.report.error(
        changeOrigin, "no address asks for it: the socket is for certd's user alone",
        "name an address, or leave it out")
    }
    if admin.address != nil, !section.has("token_file") {
      section.report.error(
        section.origin(of: "address"), "every user of this machine can reach it",
        "name a token_file, or use the socket alone")
    }
    return admin
  }

  private static func isLoopback(_ host: String) -> Bool {
    guard let address = IPAddress(host) else { return false }
    return loopback.contains { $0.contains(address.bytes) }
  }

  private static let loopback = ["127.0.0.0/8", "::1"].compactMap { try? AddressRange.parse($0) }
}
