internal import Proxy

extension Configuration {
  /// Routes by which anybody who reaches this machine may ask a model server: such servers are found within hours, and what
  /// they are asked for costs.
  public var openModelRoutes: [(origin: Origin, message: String)] {
    let reachable = listeners.first {
      !$0.redirectsToHTTPS && $0.clientCertificates?.mode != .require && !Self.isLoopback($0.address.host)
    }
    guard let reachable else { return [] }
    return routes.compactMap { route in
      guard route.keyGroups.isEmpty, route.keyFile == nil, route.auth == nil,
        route.rules.clientCertificate != .required
      else {
        return nil
      }
      let names =
        [route.service.value] + route.split.map(\.service.value)
        + route.models.flatMap(\.services).map(\.value)
      guard let name = names.first(where: { service(named: $0)?.kind.isModelServer == true }) else {
        return nil
      }
      return (
        route.origin,
        "anybody who reaches \(reachable.address) may ask the model server \(quoted(name)): no key is asked for, nor a client "
          + "certificate"
      )
    }
  }

  private static func isLoopback(_ host: String?) -> Bool {
    guard let host, let address = IPAddress(host) else { return host == "localhost" }
    return address.bytes.count == 4 ? address.bytes[0] == 127 : address.bytes == Self.loopback6
  }

  private static let loopback6 = [UInt8](repeating: 0, count: 15) + [1]

  func checkOpenRoutes(_ report: Report) {
    for (origin, message) in openModelRoutes {
      report.warning(
        origin, message, "make keys with certd key create, and name their group in the route: keys: team")
    }
  }
}
