import ACME
import ArgumentParser
import CertStore
import Configuration
import PKI

struct RevokeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "revoke", abstract: "Revoke a certificate at its CA (RFC 8555 §7.6).",
    discussion: """
      Example: certd revoke llm.example.com --reason key-compromise

      A reason is one of RFC 5280, by name or number: unspecified (0), key-compromise (1), affiliation-changed (3), \
      superseded (4), cessation-of-operation (5). With key-compromise every certificate that has this key is obtained \
      again first, with a new key, and the old key is never used again; the certificate is revoked in any case. \
      A certificate that is revoked already is no failure. Exit status: 0 when it is revoked and everything was \
      obtained again that had to be; 1 otherwise; 2 when the configuration is not valid.
      """)

  enum Author: String, ExpressibleByArgument, CaseIterable { case auto, account, certificate }

  @Argument(help: "The certificate's name, as 'certd list' shows it.") var name: String?
  @Option(help: "A certificate in a PEM file, in place of a name.") var cert: String?
  @Option(help: "The file with the key of that certificate.") var key: String?
  @Option(help: "An older generation of the named certificate (default: the one that is served).")
  var generation: Int?
  @Option(
    help: "Who asks: the account that ordered it, the certificate's own key, or the one that the CA accepts.")
  var by: Author = .auto
  @Option(
    help: "Why: unspecified, key-compromise, affiliation-changed, superseded, cessation-of-operation.",
    transform: Self.reason)
  var reason: RevocationReason = .unspecified
  @OptionGroup var options: ConfigurationOptions
  @Option(name: .shortAndLong, help: "Output: table, json or yaml.") var output = OutputFormat.table

  @Sendable private static func reason(_ text: String) throws -> RevocationReason {
    guard let reason = RevocationReason(text) else {
      let known = RevocationReason.allCases.map { "\($0) (\($0.rawValue))" }.joined(separator: ", ")
      throw ValidationError("\(text) is no reason to revoke a certificate; use \(known)")
    }
    return reason
  }

  func validate() throws {
    guard (name == nil) != (cert == nil) else {
      throw ValidationError("give the name of a certificate, or --cert FILE")
    }
    if key != nil, cert == nil { throw ValidationError("--key belongs to --cert") }
    if generation != nil, name == nil { throw ValidationError("--generation belongs to a name") }
  }

  func run() async throws {
    let result: RevocationResult
    do throws(SetupError) { result = try await revoke() } catch { throw Failure.exit(error) }
    if output.isForPrograms {
      Output.line(try output.text(result))
    } else {
      tell(result)
    }
    guard result.isWell else { throw ExitStatus.failed }
  }

  private func revoke() async throws(SetupError) -> RevocationResult {
    let source = options.source()
    var named = options.store
    if named == nil, case .file = source { named = try source.read().configuration.store }
    let store = try StoreLocation.open(named) { Output.error("certd: store: \($0)") }
    let revocation = Revocation(
      store: store, source: source, world: try World(), warn: { Output.error("certd: \($0)") })
    let subject: Revocation.Subject
    if let cert {
      subject = try revocation.subject(file: cert, key: key, options)
    } else {
      subject = try revocation.subject(name: name ?? "", generation: generation)
    }
    return try await revocation.run(subject, reason, by) { report in
      if output == .table { ReportPrinter(quiet: false).tell(report) }
    }
  }

  private func tell(_ result: RevocationResult) {
    for why in result.notObtained { Output.error("certd: not obtained again: \(why)") }
    if let error = result.error {
      Output.error("certd: \(result.name) is not revoked: \(error)")
      if let generation = result.generation, reason == .keyCompromise, result.obtained.contains(result.name) {
        Output.error(
          "certd: to try again: certd revoke \(result.name) --generation \(generation) --reason key-compromise"
        )
      }
      return
    }
    let isServed = result.isServed && result.obtained.isEmpty && result.notObtained.isEmpty
    Output.line(
      "\(result.name): revoked"
        + (isServed ? "; 'certd renew --force --name \(result.name)' obtains a new one" : ""))
  }
}
