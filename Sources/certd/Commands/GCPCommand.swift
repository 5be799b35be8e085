import ArgumentParser
import CertStore
import Configuration
import GCP
internal import JSON
import OS

struct GCPCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gcp", abstract: "Certificates on Google Cloud's load balancers.",
    discussion: """
      Example: certd gcp push --config certd.yaml

      Everything is read from the section gcp of the configuration. Credentials are found as Google's own tools find \
      them: gcp.credentials, GOOGLE_APPLICATION_CREDENTIALS, gcloud's own file, the metadata server. Exit status: 0 \
      done; 1 something failed; 2 the configuration is not valid.
      """,
    subcommands: [
      GCPPushCommand.self, GCPStatusCommand.self, GCPPruneCommand.self, GCPPermissionsCommand.self,
      GCPMigrateCommand.self, GCPPlanCommand.self, GCPApplyCommand.self, GCPOutputsCommand.self,
      GCPDestroyCommand.self, GCPImportCommand.self, GCPExportCommand.self,
    ])
}

/// What the commands for Google Cloud have in common.
struct GCPOptions: ParsableArguments {
  @Option(name: .shortAndLong, help: "Configuration file; certd.yaml here, or /etc/certd/certd.yaml.")
  var config: String?

  @Option(help: "Directory of the certificate store.")
  var store: String?

  @Option(name: .shortAndLong, help: "Output: table, json or yaml.")
  var output: OutputFormat = .table

  @Flag(name: .shortAndLong, help: "Say nothing unless something fails.")
  var quiet = false

  @Flag(name: .shortAndLong, help: "Tell of each call: its method, path, status and time.")
  var verbose = false

  /// The configuration of the file.
  func read() throws(SetupError) -> Configuration {
    try ConfigurationSource.usual(config, store: store).read().configuration
  }

  /// The load balancers, and what the store holds for them.
  func open() async throws(SetupError) -> (cloud: GoogleCloud, store: CertStore?) {
    let configuration = try read()
    let store = try StoreLocation.openPresent(store ?? configuration.store) {
      Output.error("certd: store: \($0)")
    }
    let isQuiet = quiet
    let cloud = try await GoogleCloud.open(configuration, try World(), isVerbose: verbose) {
      if !isQuiet { Output.error("certd: \($0)") }
    }
    return (cloud, store)
  }

  /// Prints a value, or the lines for people unless they are to be quiet.
  func tell(_ value: @autoclosure () -> JSONValue, _ lines: () -> Void) {
    if output.isForPrograms { Output.line(output.text(value())) } else if !quiet { lines() }
  }

  func warn(_ text: String) { if !quiet { Output.error("certd: warning: \(text)") } }
}

struct GCPPushCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "push", abstract: "Bring the current certificates to the load balancers.",
    discussion: """
      Example: certd gcp push llm.example.com --config certd.yaml

      Uploads what is not there, switches every target of the configuration, reads it back, and removes what was \
      superseded. Run twice, the second run changes nothing; cut off anywhere, the next run goes on. Exit status: 0 \
      when every target has its certificates; 1 when one has not; 2 when the configuration is not valid.
      """)

  @Argument(help: "Names of certificates, as 'certd list' shows them; none for all.") var names: [String] = []
  @OptionGroup var options: GCPOptions

  func run() async throws {
    let report: PushReport
    do throws(SetupError) { report = try await push() } catch { throw Failure.exit(error) }
    options.tell(report.json) { for line in report.lines { Output.line(line) } }
    for warning in report.allWarnings { options.warn(warning) }
    for entry in report.targets {
      if let failure = entry.failure { Output.error("certd: \(entry.target): \(failure)") }
    }
    if report.hasFailed { throw ExitStatus.failed }
  }

  private func push() async throws(SetupError) -> PushReport {
    let configuration = try options.read()
    let known = Set(GoogleCloud.targets(configuration).flatMap(\.certificates))
    for name in names where !known.contains(name) && configuration.gcp != nil {
      let hint = Configuration.hint(for: name, among: known.sorted()).map { "; \($0)" } ?? ""
      throw .other("no target under gcp.targets names the certificate \(name)\(hint)")
    }
    let (cloud, store) = try await options.open()
    let report = await cloud.pusher.push(cloud.request(store, only: names.isEmpty ? nil : Set(names)))
    if let store { report.clear(store) }
    return report
  }
}

extension PushReport {
  /// Takes what waits to be pushed out of the queue, for certificates that every target has now.
  func clear(_ store: CertStore) {
    let failed = Set(targets.filter { $0.failure != nil }.flatMap(\.target.certificates))
    let done = Set(targets.flatMap { $0.certificates.keys }).subtracting(failed)
    for task in (try? store.deploys(now: World.now())) ?? []
    where task.action == .googleCloud && done.contains(task.name) {
      try? store.dequeue(task)
    }
  }

  /// A line for each target, and for what was removed.
  var lines: [String] {
    targets.compactMap { entry -> String? in
      let names = entry.certificates.sorted { $0.key < $1.key }.map { "\($0.key) as \($0.value.name)" }
      let served: String =
        switch entry.served {
        case .pushed: ", presented at \(entry.target.address ?? "")"
        case .other: ", not presented yet at \(entry.target.address ?? "")"
        case .unreachable(let why): ", no handshake with \(entry.target.address ?? ""): \(why)"
        case nil: ""
        }
      switch entry.outcome {
      case .unchanged: return "\(entry.target): up to date"
      case .changed: return "\(entry.target): \(names.joined(separator: ", "))\(served)"
      case .failed: return nil
      }
    } + removed.map { "\($0.name): superseded, removed" }
  }

  var allWarnings: [String] {
    targets.flatMap { entry in entry.warnings.map { "\(entry.target): \($0)" } } + warnings
  }

  var json: JSONValue {
    [
      "targets": .array(targets.map(\.json)), "removed": JSONValue(removed.map(\.path)),
      "warnings": JSONValue(warnings), "retryable": .bool(isRetryable),
    ]
  }
}

extension PushReport.Entry {
  var json: JSONValue {
    var value = target.json
    value["certificates"] = .object(certificates.mapValues { .string($0.path) })
    value["warnings"] = JSONValue(warnings)
    switch outcome {
    case .unchanged: value["outcome"] = "unchanged"
    case .changed: value["outcome"] = "changed"
    case .failed(let error):
      value["outcome"] = "failed"
      value["error"] = .string("\(error)")
      value["missing_permission"] = error.missingPermission.map { .string($0) }
      value["retryable"] = .bool(isRetryable)
    }
    value["served"] = served.map { .string($0.word) }
    return value
  }
}

extension PushReport.Served {
  var word: String {
    switch self {
    case .pushed: "current"
    case .other: "other"
    case .unreachable: "unreachable"
    }
  }
}

extension GCP.Target {
  var json: JSONValue {
    var value: JSONValue = [
      "kind": .string(kind.rawValue), "name": .string(name), "target": .string(route.rawValue),
    ]
    if scope != .global { value["region"] = .string(scope.location) }
    return value
  }
}
