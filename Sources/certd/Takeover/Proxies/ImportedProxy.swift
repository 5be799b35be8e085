/// What another proxy's configuration says, in certd's words.
struct ImportedProxy {
  /// An address that clients connect to.
  struct Listener: Equatable {
    var address: String
    var isTLS: Bool
    var redirects = false
  }

  /// Which requests go where.
  struct Route: Equatable {
    /// None for every host.
    var hosts: [String] = []
    /// None for every path.
    var paths: [String] = []
    var service: String
    var strips: String?
    var adds: String?
    var requestFields: [String: String] = [:]
    var responseFields: [String: String] = [:]
    var removedRequestFields: [String] = []
    var removedResponseFields: [String] = []
    /// Whether the other program asked who it is, or let only some in: certd then asks for a key.
    var isGuarded = false
    let line: Int
  }

  struct Backend: Equatable {
    var address: String
    var weight = 1
  }

  /// A group of backends; values as they stand in certd.yaml.
  struct Service: Equatable {
    var name: String
    var backends: [Backend] = []
    var policy: String?
    var hash: String?
    var host: String?
    var isProtocol: String?
    var timeouts: [String: String] = [:]
    var health: [String: String] = [:]
    var verifiesTLS = true
    var compresses = false
  }

  /// What is not carried, with its line.
  struct Remark: Equatable {
    let file: String
    let line: Int
    let words: String
  }

  var listeners: [Listener] = []
  var certificates: [(certificate: String, key: String?)] = []
  /// Hosts whose certificates come from certd's own CA.
  var localHosts: [String] = []
  var routes: [Route] = []
  var services: [Service] = []
  var email: String?
  var remarks: [Remark] = []
  /// The most remarks that are kept: what goes wrong more often goes wrong in one way.
  static let maximumRemarks = 1000

  mutating func note(_ file: String, _ line: Int, _ words: String) {
    let remark = Remark(file: file, line: line, words: words)
    if remarks.count < Self.maximumRemarks, !remarks.contains(remark) { remarks.append(remark) }
  }

  /// One address is bound once; HTTPS and a redirect are more than plain HTTP.
  mutating func listen(_ listener: Listener, _ file: String, _ line: Int) {
    guard let index = listeners.firstIndex(where: { $0.address == listener.address }) else {
      return listeners.append(listener)
    }
    if listeners[index].isTLS != listener.isTLS {
      note(file, line, "\(listener.address) is bound with TLS and without; certd binds it with TLS")
      listeners[index] = Listener(address: listener.address, isTLS: true)
    } else if listeners[index].redirects != listener.redirects {
      note(
        file, line,
        "\(listener.address) redirects some hosts and serves others; certd's listener redirects all, or none: it serves all"
      )
      listeners[index].redirects = false
    }
  }

  mutating func certificate(_ path: String, key: String?) {
    if !certificates.contains(where: { $0.certificate == path }) { certificates.append((path, key)) }
  }

  /// Of two routes for the same requests the first counts.
  mutating func add(_ route: Route, _ file: String) {
    var route = route
    for list in [\Route.hosts, \.paths] {
      var seen: Set<String> = []
      route[keyPath: list] = route[keyPath: list].filter { seen.insert($0).inserted }
    }
    let paths = route.paths.isEmpty ? ["/*"] : route.paths
    let hosts = route.hosts.isEmpty ? ["*"] : route.hosts
    let isTaken = routes.contains { other in
      let otherPaths = other.paths.isEmpty ? ["/*"] : other.paths
      let otherHosts = other.hosts.isEmpty ? ["*"] : other.hosts
      return !Set(otherPaths).isDisjoint(with: paths) && !Set(otherHosts).isDisjoint(with: hosts)
    }
    guard isTaken else { return routes.append(route) }
    // The rest of it may still be nobody's.
    let free = paths.filter { path in
      !routes.contains { other in
        (other.paths.isEmpty ? ["/*"] : other.paths).contains(path)
          && !Set(other.hosts.isEmpty ? ["*"] : other.hosts).isDisjoint(with: hosts)
      }
    }
    note(
      file, route.line,
      "\(hosts.joined(separator: " ")) \(paths.joined(separator: " ")) is routed already, further up")
    guard !free.isEmpty else { return }
    route.paths = free
    routes.append(route)
  }

  /// Closes what the other program refused to everybody, where a wider route of the same hosts would answer it now.
  mutating func close(_ hosts: [String], _ paths: [String], _ file: String, _ line: Int) {
    guard !paths.isEmpty, let wider = routes.first(where: { $0.hosts == hosts }) else { return }
    func isInside(_ path: String) -> Bool {
      paths.contains { $0 == path || $0.hasSuffix("/*") && path.hasPrefix($0.dropLast()) }
    }
    for index in routes.indices
    where routes[index].hosts == hosts && routes[index].paths.contains(where: isInside) {
      routes[index].isGuarded = true
    }
    add(Route(hosts: hosts, paths: paths, service: wider.service, isGuarded: true, line: line), file)
    note(
      file, line,
      "\(paths.joined(separator: " ")) was not for everybody; certd asks for a key of the group \(Self.group) there"
    )
  }

  /// The group of keys that guarded routes ask for.
  static let group = "clients"

  /// A name of its own for a service, made of letters, digits, `.`, `_` and `-`.
  func serviceName(_ wish: String) -> String {
    let safe = wish.map { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) ? $0 : "-" }
    var name = String(safe.drop { !($0.isLetter || $0.isNumber) }.prefix(60))
    if name.isEmpty { name = "service" }
    let base = name
    var number = 2
    while services.contains(where: { $0.name == name }) {
      name = "\(base)-\(number)"
      number += 1
    }
    return name
  }

  /// The service with exactly these settings, which may be there already; its name.
  mutating func service(_ service: Service) -> String {
    var wanted = service
    // An answer is not waited for longer than until the next question; certd's own are 2s and 5s.
    if wanted.health["enabled"] == nil, !wanted.health.isEmpty {
      let interval = wanted.health["interval"].flatMap(ProxyValue.milliseconds) ?? 5000
      let timeout = wanted.health["timeout"].flatMap(ProxyValue.milliseconds) ?? 2000
      if timeout > interval { wanted.health["timeout"] = wanted.health["interval"] ?? "5s" }
    }
    if let same = services.first(where: { other in
      var renamed = other
      renamed.name = wanted.name
      return renamed == wanted
    }) {
      return same.name
    }
    wanted.name = serviceName(service.name)
    services.append(wanted)
    return wanted.name
  }
}

/// A file that cannot be read as what it should be.
struct NotUnderstood: Error, CustomStringConvertible {
  let description: String

  init(_ file: String, _ line: Int, _ words: String) { description = "\(file):\(line): \(words)" }
}
