internal import Upstream

/// The backends of one service, as they are read from their list and from groups.
struct BackendReading {
  /// In the order of the file.
  private(set) var backends: [Backend] = []
  /// None where all are the same.
  private(set) var groups: [BackendGroup] = []
  /// The protocol that their URLs, if they are URLs, agree on.
  private(set) var agreed: ServiceProtocol?
  /// Where they are found while certd runs.
  private(set) var source: BackendSource?
  private let written: ServiceProtocol?

  init(_ service: Section, _ written: ServiceProtocol?) {
    (self.written, agreed) = (written, written)
    if case .mapping? = service.written("backends")?.content {
      source = Self.source(service.section("backends"))
      if service.has("groups") {
        service.report.error(
          service.origin(of: "groups"), "stands beside backends that are found",
          "list them in the groups, or remove these")
      }
      return
    }
    let sections = service.sections("groups") ?? []
    if !service.has("backends"), !service.has("groups") {
      service.report.error(service.origin, "the key \"backends\" is missing")
    }
    if service.has("groups"), sections.isEmpty {
      service.report.error(service.origin(of: "groups"), "the list is empty")
    }
    if !sections.isEmpty, service.has("backends") {
      // What stands in no group is one of its own, and comes first.
      groups.append(BackendGroup(origin: service.origin(of: "backends")))
    }
    if service.has("backends") { read(service, group: 0) }
    for section in sections {
      var group = BackendGroup(origin: section.origin)
      section.fill(&group)
      groups.append(group)
      read(section, group: groups.count - 1)
    }
  }

  /// Labels of services begin with an underscore, which names of hosts do not have (RFC 2782).
  private static func serviceName(_ text: String) throws(Invalid) -> String {
    let hint = "write a name such as _http._tcp.chat.example.com"
    let labels = text.split(separator: ".", omittingEmptySubsequences: false)
    guard text.utf8.count <= 253, labels.count > 1 else { throw Invalid("\(quoted(text)) is no name", hint) }
    for label in labels {
      guard !label.isEmpty, label.utf8.count <= 63,
        label.utf8.allSatisfy({
          $0 == 0x2D || $0 == 0x5F || (0x30...0x39).contains($0) || (0x61...0x7A).contains($0 | 0x20)
        })
      else { throw Invalid("\(quoted(text)) is no name", hint) }
    }
    return text.lowercased()
  }

  private static func source(_ section: Section) -> BackendSource? {
    let ways = ["file", "srv", "kubernetes", "docker"].filter(section.has)
    guard ways.count == 1 else {
      section.report.error(section.origin, "needs one of file, srv, kubernetes and docker")
      _ = section.path("file")
      _ = section.text("srv", serviceName)
      return nil
    }
    if section.has("file") { return section.path("file").map { .file(path: $0) } }
    if section.has("srv") { return section.text("srv", serviceName).map { .srv(name: $0) } }
    if section.has("kubernetes") {
      var found = KubernetesService()
      let own = section.section("kubernetes")
      own.fill(&found)
      return .kubernetes(found)
    }
    var found = DockerContainers()
    section.section("docker").fill(&found)
    return .docker(found)
  }

  private mutating func read(_ section: Section, group: Int) {
    for item in section.items("backends", nonEmpty: true) ?? [] {
      var backend = Backend(address: .unix(path: ""), origin: item.origin)
      let text: BackendText?
      if case .mapping = item.node.content {
        let own = Section(
          item.node, tablePath: "services.*.backends[]", path: item.origin.path, report: section.report)
        text = own.text("address", BackendText.parse)
        own.fill(&backend)
        backend.cacheEvents = own.text("kv_events", CacheEventPlace.parse)
      } else {
        text = section.text(item.node, at: item.origin, BackendText.parse)
      }
      guard let text else { continue }
      check(text, section, item.origin)
      backend.address = text.address
      backend.group = group
      backends.append(backend)
    }
  }

  private mutating func check(_ text: BackendText, _ section: Section, _ origin: Origin) {
    if let scheme = text.scheme {
      if let agreed, !agreed.agrees(with: scheme) {
        let hint =
          written == nil ? "all backends of a service speak the same" : "change protocol or the backend"
        section.report.error(
          origin, "is \(scheme.rawValue) in a service that speaks \(agreed.rawValue)", hint)
      }
      agreed = agreed ?? scheme
    }
    if backends.contains(where: { $0.address == text.address }) {
      section.report.error(origin, "\(text.address) stands twice", "use weight for a larger share")
    }
  }
}
