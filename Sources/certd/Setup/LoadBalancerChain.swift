import Configuration
import GCP
import HTTP
import Proxy
import Upstream

/// Says a configuration in Google's terms, and what of it Google cannot do.
struct LoadBalancerChain {
  /// The chain without its certificates.
  let settings: ChainSettings
  /// What Google does otherwise than certd.
  let warnings: [String]

  /// Throws everything that Google cannot express, each with its place in the file.
  init(_ configuration: Configuration, _ balancer: LoadBalancerSettings, project: String) throws(SetupError) {
    let translation = LoadBalancerTranslation(configuration, balancer, project: project)
    settings = translation.chain()
    warnings = translation.warnings.map(\.description)
    guard translation.errors.isEmpty else {
      throw .configuration(translation.errors.map(\.description).joined(separator: "\n"))
    }
  }

  /// Names of the certificates that the proxy shall have, the first one primary.
  static func certificates(
    _ configuration: Configuration, _ balancer: LoadBalancerSettings
  ) throws(SetupError) -> [String] {
    if let named = balancer.certificates { return named.map(\.value) }
    let managed = configuration.managedCertificates { _ in false }.certificates
    var names: [String] = []
    for host in configuration.routes.flatMap(\.hosts) where host.value != .any {
      let wanted = host.value.description
      let found = managed.first { certificate in
        certificate.names.contains { Self.covers($0, wanted) }
      }
      guard let found else {
        throw .configuration(
          configuration.error(
            at: host.origin, "no certificate is obtained for \(wanted)",
            hint: "name certificates under gcp.load_balancer"
          ).description)
      }
      if !names.contains(found.name) { names.append(found.name) }
    }
    guard !names.isEmpty else {
      throw .configuration(
        configuration.error(
          at: balancer.origin, "no route names a host", hint: "name certificates under gcp.load_balancer"
        ).description)
    }
    return names
  }

  private static func covers(_ name: String, _ host: String) -> Bool {
    if name == host { return true }
    guard name.hasPrefix("*."), let dot = host.firstIndex(of: ".") else { return false }
    return host[dot...] == name.dropFirst()
  }
}

/// Collects errors and warnings on the way from our terms to Google's.
final class LoadBalancerTranslation {
  let configuration: Configuration
  let balancer: LoadBalancerSettings
  let project: String
  private(set) var errors: [ConfigurationError] = []
  private(set) var warnings: [ConfigurationError] = []

  init(_ configuration: Configuration, _ balancer: LoadBalancerSettings, project: String) {
    self.configuration = configuration
    self.balancer = balancer
    self.project = project
  }

  func error(_ origin: Origin, _ message: String, _ hint: String? = nil) {
    errors.append(configuration.error(at: origin, message, hint: hint))
  }

  func warn(_ origin: Origin, _ message: String, _ hint: String? = nil) {
    warnings.append(configuration.error(at: origin, message, hint: hint))
  }

  func link(_ path: String) -> ResourceLink { ResourceLink(path, project: project) }

  /// The longest response where the configuration knows no limit: Google's own for upgraded connections, a day.
  static let unlimitedSeconds = 86_400

  func chain() -> ChainSettings {
    let used = configuration.services.filter { service in
      configuration.routes.contains { $0.service.value == service.name }
    }
    checkKind(used)
    let place = balancer.region.map { "regions/\($0)" } ?? "global"
    var chain = ChainSettings(
      name: balancer.name, kind: balancer.kind, address: balancer.address,
      redirects: balancer.redirect,
      sslPolicy: balancer.sslPolicy.map { link("\(place)/sslPolicies/\($0)") }, certificates: [],
      routes: configuration.routes.map(route), services: used.map(service),
      drainSeconds: min(3600, seconds(configuration.limits.drainTimeout)), region: balancer.region,
      network: balancer.region.map { _ in link("global/networks/\(balancer.network)") },
      ipv6Address: balancer.ipv6Address)
    chain.names = balancer.names
    return chain
  }

  private func checkKind(_ used: [Service]) {
    for route in configuration.routes {
      guard let service = used.first(where: { $0.name == route.service.value }) else { continue }
      switch balancer.kind {
      case .https where service.protocol.isPassage:
        error(
          route.service.origin,
          "leads to \(service.protocol.rawValue), which an https load balancer does not carry",
          "set gcp.load_balancer.kind: ssl")
      case .ssl where !service.protocol.isPassage:
        error(
          route.service.origin, "leads to \(service.protocol.rawValue) through an ssl load balancer",
          "set protocol: tcp or tls, or gcp.load_balancer.kind: https")
      case .ssl where service.name != used.first?.name:
        error(
          route.origin, "an ssl load balancer has one service behind it, not a second one by server name",
          "make a load balancer of each")
      default: break
      }
    }
  }

  // MARK: Routes

  private func route(_ route: Route) -> ChainRoute {
    for host in route.hosts {
      switch host.value {
      case .exact(let name) where name.contains(":"):
        error(host.origin, "Google's URL maps know no IPv6 address as a host", "name the host")
      case .wildcard(let suffix):
        warn(host.origin, "Google takes any number of labels before .\(suffix), certd exactly one")
      default: break
      }
    }
    for path in route.paths {
      guard case .template(let text) = path.value else { continue }
      error(path.origin, "\(text) has variables, which certd does not write into a URL map", "write a prefix")
    }
    tellUncarried(route)
    return ChainRoute(
      hosts: route.hosts.map(\.value.description), paths: route.paths.map(\.value.description),
      service: route.service.value, headers: headers(route))
  }

  /// What only certd's own proxy does with a route. Google would let in whoever it keeps out.
  private func tellUncarried(_ route: Route) {
    let guards = [
      ("auth", route.keyFile != nil || route.auth != nil),
      ("client_certificate", route.rules.clientCertificate != nil),
      ("match", !route.match.isEmpty), ("split", !route.split.isEmpty),
      ("limits", route.rules.limits != .init()),
      ("redirect", route.rules.redirect != nil), ("respond", route.rules.respond != nil),
      ("rewrite", route.rules.rewritePath != nil), ("models", !route.models.isEmpty),
      ("normalize", route.rules.normalize != nil),
    ]
    for (key, isSet) in guards where isSet {
      error(
        route.origin,
        "has \(key), which Google's load balancer does not know: everybody would reach the backends",
        "put certd in front of them, or give the load balancer a file of its own")
    }
    for (key, isSet) in [
      ("strip_prefix", !route.rules.stripPrefix.isEmpty), ("add_prefix", !route.rules.addPrefix.isEmpty),
      ("cors", route.rules.cors != nil), ("errors", !route.rules.errors.isEmpty),
      ("timeouts or retries", route.rules.overrides != .init()),
    ] where isSet {
      warn(route.origin, "has \(key), which Google's load balancer does not carry out")
    }
  }

  /// Those for every route, then the route's own.
  private func headers(_ route: Route) -> ChainHeaders {
    var made = ChainHeaders()
    let edits = route.rules.headers.after(configuration.headers)
    let fields = edits.request.set + edits.response.set + edits.request.add + edits.response.add
    if let field = fields.first(where: { !ValueText($0.value).isConstant }) {
      error(
        route.origin, "\(field.name) has a value of the request, which Google writes otherwise",
        "write a text")
    }
    if !edits.request.add.isEmpty || !edits.response.add.isEmpty {
      error(route.origin, "fields that are added are not carried over to Google", "write set in place of add")
    }
    (made.requestSet, made.requestRemove) = Self.fields(edits.request)
    (made.responseSet, made.responseRemove) = Self.fields(edits.response)
    return made
  }

  private static func fields(_ edits: Proxy.Settings.MessageEdits) -> ([ChainHeaders.Field], [String]) {
    (edits.set.map { ChainHeaders.Field($0.name, $0.value) }, edits.remove)
  }

  /// Whole seconds, rounded up.
  func seconds(_ time: Milliseconds) -> Int { max(1, Int(clamping: (time.count + 999) / 1000)) }

  /// Whole seconds, rounded up.
  func seconds(_ duration: Duration) -> Int {
    let (whole, rest) = duration.components
    return max(1, Int(clamping: whole) + (rest > 0 ? 1 : 0))
  }
}
