import ArgumentParser
import CertStore
import Configuration
import PKI
import Renewal

struct IssueCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "issue", abstract: "Obtain one certificate for the given names now.",
    discussion: """
      Example: certd issue llm.example.com api.example.com --email ops@example.com --agree-tos

      All names go into one certificate. 'certd renew' renews it from then on. Exit status: 0 when there is a \
      valid certificate for the names, 1 when it could not be obtained, 2 when the configuration is not valid.
      """)

  @Argument(help: "Host names or IP addresses.") var names: [String]
  @OptionGroup var options: ConfigurationOptions
  @Option(help: "Name in the store (default: the first name).") var name: String?
  @Option(
    name: .customLong("key-type"),
    help:
      "ec-p256, ec-p384, rsa-2048, rsa-3072 or rsa-4096; twice for two certificates, presented as clients can verify."
  )
  var keyType: [String] = []
  @Option(name: .customLong("deploy-hook"), help: "Command to run after each renewal; may be repeated.")
  var deployHook: [String] = []
  @Flag(help: "Obtain it also when there is a valid one.") var force = false
  @Flag(name: .shortAndLong, help: "Say nothing unless something fails.") var quiet = false

  func validate() throws {
    for text in names where Identifier(text) == nil {
      throw ValidationError("\(text) is not a host name or IP address")
    }
    for text in keyType where KeyType(rawValue: text) == nil {
      let known = KeyType.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("\(text) is not a key type; use \(known)")
    }
    guard Set(keyType.map { $0.hasPrefix("rsa") }).count == keyType.count || keyType.isEmpty else {
      throw ValidationError("give one --key-type for ECDSA and one for RSA at most")
    }
  }

  func run() async throws {
    let report: Report
    do throws(SetupError) { report = try await issue() } catch { throw Failure.exit(error) }
    ReportPrinter(quiet: quiet).tell(report)
    if report.deservesFailure { throw ExitStatus.failed }
  }

  private func issue() async throws(SetupError) -> Report {
    let source = options.source()
    var request = IssuedRequest(
      names: names, issuer: options.issuer, roots: options.acmeRoot, email: options.email,
      agreesToTerms: options.agreeTOS, httpAddress: options.httpAddress,
      keyType: KeyType.ecP256.rawValue, hooks: deployHook, dnsProgram: options.dnsExec,
      externalAccountKeyID: options.eabKid, externalAccountKeyFile: options.eabKeyFile)
    request = try request.withAbsolutePaths()
    let configuration: Configuration
    var named = options.store
    var keyTypes = keyType
    switch source {
    case .file:
      configuration = try source.read().configuration
      named = named ?? configuration.store
      if keyTypes.isEmpty { keyTypes = configuration.acme.keyTypes.map(\.rawValue) }
      request.isByConfiguration = true
    case .flags: configuration = try ConfigurationSource.flags(request.options).read().configuration
    }
    let requests = try requests(request, keyTypes.isEmpty ? [request.keyType] : keyTypes)
    guard let first = requests.first else { throw .other("nothing to issue") }
    var job = try RenewalJob(first.name, first.request, configuration)
    for other in requests.dropFirst() {
      job.managed += try RenewalJob(other.name, other.request, configuration).managed
    }
    let store = try StoreLocation.open(named) { Output.error("certd: store: \($0)") }
    let quiet = quiet
    let progress = quiet ? nil : StepProgress()
    job.progress = progress
    let warn: @Sendable (String) -> Void = {
      progress?.clear()
      if !quiet { Output.error("certd: \($0)") }
    }
    defer { progress?.clear() }
    let world = try World()
    let report = try await job.run(
      world, store, force: force ? .all : .impatient, isDryRun: false, warn: warn)
    // A failed hook is no failed certificate: the next renewal must know of both.
    for entry in report.certificates {
      switch entry.outcome {
      case .renewed, .notDue, .skipped:
        try requests.first { $0.name == entry.name }?.request.save(store, entry.name)
      case .failed, .waiting, .wouldRenew: break
      }
    }
    return report
  }

  /// What is asked for, a certificate for each key; those after the first are called after their key as well.
  private func requests(
    _ request: IssuedRequest, _ keyTypes: [String]
  ) throws(SetupError) -> [(name: LineageName, request: IssuedRequest)] {
    guard let first = Identifier(names[0]),
      let lineage = name == nil ? LineageName(first) : LineageName(name ?? "")
    else { throw .other("\(name ?? names[0]) cannot be a certificate's name") }
    var made: [(name: LineageName, request: IssuedRequest)] = []
    for (index, type) in keyTypes.enumerated() {
      guard let called = index == 0 ? lineage : LineageName("\(lineage).\(type)") else {
        throw .other("\(lineage).\(type) cannot be a certificate's name; choose a shorter --name")
      }
      var request = request
      request.keyType = type
      made.append((called, request))
    }
    return made
  }
}
