extension Configuration {
  /// A configuration, and what is odd about its file without being wrong.
  public struct Reading: Sendable, Equatable {
    /// The configuration.
    public internal(set) var configuration: Configuration
    /// For instance a service that no route leads to.
    public let warnings: [ConfigurationError]

    /// Gives a service the backends that its source has told of.
    public mutating func fill(_ service: Int, _ found: FoundBackends) {
      configuration.services[service].backends = found.backends
      configuration.services[service].groups = found.groups
    }

    /// A reading whose configuration was changed from outside the file.
    public init(configuration: Configuration, warnings: [ConfigurationError]) {
      self.configuration = configuration
      self.warnings = warnings
    }
  }

  /// Reads a file's bytes. `file` is the name shown in errors; relative paths in it start from
  /// `baseDirectory`; `${…}` in values is what `variables` says, `include` names what `includes` finds. Tells every
  /// error of all files at once. `recognized`: what backends of services are whose kind is `auto`.
  public static func read(
    _ bytes: [UInt8], file: String, baseDirectory: String, variables: Variables = .none,
    includes: Includes = .none, recognized: [String: ServiceKind] = [:]
  ) throws(ConfigurationErrors) -> Reading {
    let report = Report(file: file, baseDirectory: baseDirectory, recognized: recognized)
    var root: YAMLNode?
    do throws(YAMLFailure) {
      let tree = try YAMLTree(bytes.withoutMark)
      root = tree.root.map {
        includes.merged(into: variables.replaced(in: $0, path: "", report), variables, report)
      }
      for double in tree.duplicates {
        report.error(
          Origin(position: double.position, path: double.path), "the key stands twice",
          "the first is in line \(double.first.line)")
      }
    } catch {
      report.error(Origin(position: error.position, path: ""), error.message, error.hint)
      throw report.failure
    }
    var reading = try read(root, report)
    if reading.configuration.zone == nil { reading.configuration.zone = variables.value("CERTD_ZONE") }
    return reading
  }

  /// Reads a tree, which may also have been made from flags.
  static func read(_ root: YAMLNode?, _ report: Report) throws(ConfigurationErrors) -> Reading {
    let start = Origin(position: Position(line: 1, column: 1), path: "")
    let top: Section =
      if let root, !root.isNull {
        Section(root, tablePath: "", path: "", report: report)
      } else {
        Section(absent: "", origin: start, report: report)
      }
    let configuration = make(top)
    configuration.crossCheck(report, top)
    guard !report.hasErrors else { throw report.failure }
    return Reading(configuration: configuration, warnings: report.sortedWarnings)
  }

  private static func make(_ top: Section) -> Configuration {
    var configuration = Configuration()
    configuration.file = top.report.file
    top.fill(&configuration)
    configuration.log = readLog(top.section("log"))
    configuration.traces = readTraces(top)
    configuration.admin = readAdmin(top.section("admin"))
    configuration.acme = readACME(top.section("acme"))
    configuration.certificates = readCertificates(top, configuration.acme)
    configuration.listeners = readListeners(top)
    configuration.hasDefaultPlainListener = !top.has("listeners")
    configuration.forwarding = top.section("forwarded").settings()
    configuration.headers = readHeaders(top.section("headers"))
    configuration.routes = readRoutes(top)
    configuration.tests = readTests(top)
    configuration.keyGroups = readKeys(top)
    let limits = top.section("limits")
    configuration.limits = limits.settings()
    configuration.areConnectionsChosen = limits.has("connections")
    configuration.services = readServices(top, configuration.limits) + fileServices(top)
    configuration.gcp = readGCP(top)
    configuration.fleet = readFleet(top)
    return configuration
  }
}
