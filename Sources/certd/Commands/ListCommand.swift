import ArgumentParser
import CertStore

struct ListCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the certificates in the store.",
    discussion: "Example: certd list --output json")

  @OptionGroup var options: StoreOptions

  func run() async throws {
    let certificates: [StoredCertificate]
    let path: String
    do throws(SetupError) {
      path = try options.path()
      certificates = try options.openPresent()?.inventory(now: World.now()).certificates ?? []
    } catch { throw Failure.exit(error) }
    let all = certificates.map { CertificateDescription($0, now: World.now()) }
    if options.output == .json { return Output.line(try CertificateDescription.json(all)) }
    guard !all.isEmpty else { return Output.line("no certificates in \(path)") }
    Output.table(
      [["NAME", "NAMES", "VALID UNTIL", "DAYS", "ISSUER", "KEY"]]
        + all.map {
          [
            $0.name, $0.identifiers.joined(separator: ","), $0.notAfter, "\($0.daysLeft)",
            $0.issuer ?? $0.issuedBy, $0.key,
          ]
        })
  }
}
