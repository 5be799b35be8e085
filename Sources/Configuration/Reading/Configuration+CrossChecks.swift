internal import Proxy
internal import Telemetry

/// Checks of values against each other, once each is right by itself.
extension Configuration {
  func crossCheck(_ report: Report, _ top: Section) {
    // A stand-in for a wrong value must not be blamed as well, except that names can always be compared.
    let isSound = !report.hasErrors
    if isSound || top.members("services").count == services.count { checkRoutes(report) }
    guard isSound else { return }
    checkKeys(report)
    checkOpenRoutes(report)
    checkListeners(report)
    checkLoadBalancer(report)
    checkCertificates(report)
    checkExternalAccounts(report)
    if let path = log.access?.file, path.hasSuffix("/") {
      report.error(top.section("log").origin(of: "access"), "is a directory", "name a file")
    }
  }

  private func checkRoutes(_ report: Report) {
    let names = services.map(\.name)
    var used: Set<String> = []
    for route in routes {
      if route.answersItself {
        checkPassage(route, report)
        continue
      }
      if names.contains(route.service.value) {
        used.insert(route.service.value)
      } else {
        let hint = Nearest.hint(for: route.service.value, among: names)
        report.error(
          route.service.origin, "there is no service \(quoted(route.service.value))",
          hint ?? (names.isEmpty ? "describe it under services" : "known: \(alternatives(names))"))
      }
      checkPassage(route, report)
      used.formUnion(route.split.map(\.service.value))
      checkSplit(route, names, report)
      used.formUnion(route.models.flatMap(\.services).map(\.value))
      checkModels(route, names, report)
    }
    checkPlaces(report)
    for service in services where !used.contains(service.name) {
      report.warning(service.origin, "no route leads to this service")
    }
  }

  /// Requests are shared, and connections that nobody reads are not.
  private func checkSplit(_ route: Route, _ names: [String], _ report: Report) {
    for target in route.split {
      let name = target.service
      guard let service = service(named: name.value) else {
        if name.value != route.service.value {
          report.error(
            name.origin, "there is no service \(quoted(name.value))",
            Nearest.hint(for: name.value, among: names) ?? "known: \(alternatives(names))")
        }
        continue
      }
      guard service.protocol.isPassage else { continue }
      report.error(
        name.origin, "\(quoted(name.value)) speaks \(service.protocol.rawValue), and requests are shared",
        "set its protocol to http1, https, h2 or h2c")
    }
  }

  /// Services by model are asked by HTTP: bytes that are passed on have no model.
  private func checkModels(_ route: Route, _ names: [String], _ report: Report) {
    guard !route.models.isEmpty else { return }
    for name in [route.service] + route.models.flatMap(\.services) {
      guard let service = service(named: name.value) else {
        if name != route.service {
          report.error(
            name.origin, "there is no service \(quoted(name.value))",
            Nearest.hint(for: name.value, among: names) ?? "known: \(alternatives(names))")
        }
        continue
      }
      guard service.protocol.isPassage else { continue }
      report.error(
        name.origin,
        "\(quoted(name.value)) speaks \(service.protocol.rawValue), and a service by model HTTP",
        "set its protocol to http1, https, h2 or h2c, or give it a route of its own")
    }
  }

  /// The most routes of one host and path: they are asked one after another.
  static let maximumRoutesOfOnePath = 256

  /// Two routes for the same requests, neither of which is narrower, are a mistake.
  private func checkPlaces(_ report: Report) {
    struct Place: Hashable {
      let host: HostPattern
      let path: String
    }
    var taken: [Place: [Route]] = [:]
    for route in routes {
      for host in route.hosts {
        for path in route.paths {
          let place = Place(host: host.value, path: path.value.shape)
          let others = taken[place] ?? []
          let rank = route.match.rank
          if let other = others.first(where: { $0.match.rank == rank && !$0.match.excludes(route.match) }) {
            let ways = route.match.isEmpty ? "" : ", and neither match is narrower"
            let words =
              other.origin.path == route.origin.path
              ? "stands twice in this route"
              : "is already routed by \(other.origin.path) in line \(other.origin.position.line)\(ways)"
            report.error(route.origin, "\(host.value) \(path.value) \(words)")
          } else if others.count == Self.maximumRoutesOfOnePath {
            report.error(
              route.origin, "\(host.value) \(path.value) has more than \(Self.maximumRoutesOfOnePath) routes")
          }
          taken[place, default: []].append(route)
        }
      }
    }
  }

  /// Before a byte has been read there is only the server name to decide by: it leads to HTTP or past it.
  private func checkPassage(_ route: Route, _ report: Report) {
    guard let service = service(named: route.service.value), service.protocol.isPassage else { return }
    let name = service.protocol.rawValue
    checkPassageActions(route, name, report)
    if let path = route.paths.first(where: { $0.value != .prefix("/") }) {
      report.error(path.origin, "a route to a service that speaks \(name) has no paths", "remove paths")
    }
    if route.rules.headers != Settings.FieldEdits() {
      report.error(route.origin, "a route to a service that speaks \(name) has no headers", "remove headers")
    }
    if !route.match.isEmpty {
      report.error(route.origin, "a route to a service that speaks \(name) has no match", "remove match")
    }
    if let file = route.keyFile {
      report.error(file.origin, "a route to a service that speaks \(name) sees no keys", "remove auth")
    }
    if !route.rules.stripPrefix.isEmpty || !route.rules.addPrefix.isEmpty {
      report.error(
        route.origin, "a route to a service that speaks \(name) has no path to edit",
        "remove strip_prefix and add_prefix")
    }
    let others = routes.filter { self.service(named: $0.service.value)?.protocol.isPassage == false }
    for host in route.hosts {
      guard let other = others.first(where: { $0.hosts.contains { $0.value == host.value } }) else {
        continue
      }
      report.error(
        host.origin, "\(host.value) is routed to HTTP by \(other.origin.path) as well",
        "a host leads to HTTP or to \(name)")
    }
  }

  /// What is done with requests is not done where nobody sees any.
  private func checkPassageActions(_ route: Route, _ name: String, _ report: Report) {
    let rules = route.rules
    let used = [
      ("errors", !rules.errors.isEmpty), ("limits", rules.limits != .init()),
      ("auth", route.auth != nil), ("timeouts or retries", rules.overrides != .init()),
      ("rewrite", rules.rewritePath != nil),
    ]
    for (key, isUsed) in used where isUsed {
      report.error(route.origin, "a route to a service that speaks \(name) has no \(key)", "remove it")
    }
  }

  /// Whoever hands out keys must know to whom.
  private func checkExternalAccounts(_ report: Report) {
    for issuer in acme.issuers {
      guard case .acme(let settings) = issuer.kind, settings.externalAccount == nil else { continue }
      switch settings.externalAccountOrigin {
      case .google where gcp == nil:
        report.error(
          issuer.origin, "Google's public CA gives keys to projects, and no project is named",
          "add gcp: {project: NAME}, set GOOGLE_CLOUD_PROJECT beside flags, or write {name: \(issuer.name), "
            + "eab: {kid: ..., key_file: ...}}")
      case .zerossl where acme.email == nil:
        report.error(
          issuer.origin, "ZeroSSL gives keys to mail addresses, and none is named",
          "set acme.email, or write {name: \(issuer.name), eab: {kid: ..., key_file: ...}}")
      default: break
      }
    }
  }

  private func checkListeners(_ report: Report) {
    let speaksTLS = listeners.contains { $0.tls != .off }
    if !speaksTLS, let service = services.first(where: { $0.protocol.isPassage }) {
      report.error(service.origin, "there is no TLS listener whose clients could reach it", "add one")
    }
    for listener in listeners where listener.redirectsToHTTPS && !speaksTLS {
      report.error(listener.origin, "there is no TLS listener to redirect to", "add one, or remove redirect")
    }
    checkClientCertificates(report)
    checkAdminRoutes(report)
    if let address = admin.address, address.port != 0,
      let other = listeners.first(where: {
        $0.address.port == address.port && ($0.address.host == nil || $0.address.host == address.host)
      })
    {
      report.error(other.origin, "has the address of admin.address", "choose another port")
    }
  }

  /// Every route is served on every listener: what one listener asks of clients, another one does not.
  private func checkClientCertificates(_ report: Report) {
    let asking = listeners.filter { $0.clientCertificates != nil }
    guard let strict = listeners.first(where: { $0.clientCertificates?.mode == .require }) else {
      if asking.isEmpty, let route = routes.first(where: { $0.rules.clientCertificate == .required }) {
        report.error(
          route.origin, "it needs a client certificate, and no listener asks for one",
          "add client_certificates to a listener")
      }
      return
    }
    guard let open = listeners.first(where: { $0.clientCertificates == nil && !$0.redirectsToHTTPS }) else {
      return
    }
    for route in routes where route.rules.clientCertificate == nil {
      report.warning(
        route.origin,
        "it is served on \(open.address) without the client certificate that \(strict.address) requires; "
          + "client_certificate: required keeps it to clients that have one")
    }
  }

  private func checkCertificates(_ report: Report) {
    // The issuer that stands in when none is written counts only once a certificate needs it.
    if !acme.agreeTOS, let issuer = acme.issuers.first(where: { $0.isPublic }),
      !issuer.origin.path.isEmpty
    {
      report.add([agreementError(issuer)])
    }
    let hasFiles = certificates.contains { if case .files = $0 { true } else { false } }
    // With files around, which hosts they cover is only known once they are loaded.
    report.add(managedCertificates(covered: { _ in hasFiles }).errors)
  }
}

extension Settings.PathMatch {
  /// The same for paths that take the same requests: the names of variables do not matter.
  fileprivate var shape: String {
    guard case .template(let text) = self else { return description }
    return text.split(separator: "/", omittingEmptySubsequences: false).map { $0.hasPrefix("{") ? "{}" : $0 }
      .joined(separator: "/")
  }
}
