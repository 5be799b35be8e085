// A file that lists a service's backends while certd runs.
extension Configuration {
  /// What such a file says; `file` is the name shown in errors.
  public static func readBackends(
    _ bytes: [UInt8], file: String, for service: Service
  ) throws(ConfigurationErrors) -> FoundBackends {
    let report = Report(file: file, baseDirectory: "/")
    let start = Position(line: 1, column: 1)
    var found = FoundBackends()
    do throws(YAMLFailure) {
      let root = try YAMLTree(bytes).root ?? YAMLNode(content: .scalar("", plain: true), position: start)
      var node = root
      if case .sequence = root.content {
        node = YAMLNode(
          content: .mapping([.init(key: "backends", position: root.position, value: root)]),
          position: root.position)
      }
      let section = Section(node, tablePath: "services.*", path: "", report: report)
      for key in section.keys where key != "backends" && key != "groups" {
        report.error(section.origin(of: key), "a file of backends has only backends and groups", "remove it")
      }
      let reading = BackendReading(section, service.protocol)
      if reading.source != nil {
        report.error(section.origin(of: "backends"), "a file of backends names no other source", "list them")
      }
      // What a file names while certd runs has not been looked at as routes to certd itself are.
      for backend in reading.backends {
        guard case .admin = backend.address else { continue }
        report.error(
          backend.origin, "a file of backends cannot name certd itself", "name it in the configuration")
      }
      found = FoundBackends(backends: reading.backends, groups: reading.groups)
    } catch {
      report.error(Origin(position: error.position, path: ""), error.message, error.hint)
    }
    guard !report.hasErrors else { throw report.failure }
    return found
  }
}
