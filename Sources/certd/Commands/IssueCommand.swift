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
  @Option(name: .customLong("key-type"), help: "ec-p256, ec-p384, rsa-2048, rsa-3072 or rsa-4096.")
  var keyType: String?
  @Option(name: .customLong("deploy-hook"), help: "Command to run after each renewal; may be repeated.")
  var deployHook: [String] = []
  @Flag(help: "Obtain it also when there is a valid one.") var force = false
  @Flag(name: .shortAndLong, help: "Say nothing unless something fails.") var quiet = false

  func validate() throws {
    for text in names where Identifier(text) == nil {
      throw ValidationError("\(text) is not a host name or IP address")
    }
    if let keyType, KeyType(rawValue: keyType) == nil {
      let known = KeyType.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("\(keyType) is not a key type; use \(known)")
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
      keyType: keyType ?? KeyType.ecP256.rawValue, hooks: deployHook, dnsProgram: options.dnsExec)
    request = try request.withAbsolutePaths()
    let configuration: Configuration
    var named = options.store
    switch source {
    case .file:
      configuration = try source.read().configuration
      named = named ?? configuration.store
      if keyType == nil { request.keyType = configuration.acme.keyType.rawValue }
      request.isByConfiguration = true
    case .flags: configuration = try ConfigurationSource.flags(request.options).read().configuration
    }
    guard let first = Identifier(names[0]),
      let lineage = name == nil ? LineageName(first) : LineageName(name ?? "")
    else { throw .other("\(name ?? names[0]) cannot be a certificate's name") }
    let job = try RenewalJob(lineage, request, configuration)
    let store = try StoreLocation.open(named) { Output.error("certd: store: \($0)") }
    let quiet = quiet
    let warn: @Sendable (String) -> Void = { if !quiet { Output.error("certd: \($0)") } }
    let world = try World()
    let report = try await job.run(
      world, store, force: force ? .all : .impatient, isDryRun: false, warn: warn)
    // A failed hook is no failed certificate: the next renewal must know of both.
    let isObtained = report.certificates.contains {
      switch $0.outcome {
      case .renewed, .notDue, .skipped: true
      case .failed, .waiting, .wouldRenew: false
      }
    }
    if isObtained { try request.save(store, lineage) }
    return report
  }
}
