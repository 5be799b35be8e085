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

  /// Routes by which anybody who reaches this machine would see, or change, what certd does.
  func checkAdminRoutes(_ report: Report) {
    for service in services {
      guard let own = service.backends.first(where: { if case .admin = $0.address { true } else { false } })
      else { continue }
      if service.backends.count > 1 {
        report.error(own.origin, "certd itself is one backend among others", "give it a service of its own")
      }
    }
    let isOpen = listeners.contains { !$0.redirectsToHTTPS && $0.clientCertificates?.mode != .require }
    guard isOpen else { return }
    for route in routes
    where route.keyGroups.isEmpty && route.keyFile == nil && route.auth == nil
      && route.rules.clientCertificate != .required
    {
      let names =
        [route.service.value] + route.split.map(\.service.value)
        + route.models.flatMap(\.services).map(\.value)
      let isOurs = names.contains { name in
        service(named: name)?.backends.contains { if case .admin = $0.address { true } else { false } }
          == true
      }
      guard isOurs else { continue }
      report.error(
        route.origin, "anybody could ask certd itself by it",
        "ask for a key (keys, auth.api_keys) or for a certificate (client_certificate: required)")
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
