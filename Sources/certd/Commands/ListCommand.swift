import ArgumentParser
import CertStore

struct ListCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the certificates in the store.",
    discussion: """
      Example: certd list --output json

      More than a few names are folded; 'certd show' and JSON have all of them.
      """)

  @OptionGroup var options: StoreOptions

  func run() async throws {
    let certificates: [StoredCertificate]
    let path: String
    let revoked: Set<String>
    do throws(SetupError) {
      path = try options.path()
      let store = try options.openPresent()
      certificates = store?.inventory(now: World.now()).certificates ?? []
      revoked = store?.revokedCertificates() ?? []
    } catch { throw Failure.exit(error) }
    let all = certificates.map { CertificateDescription($0, revoked: revoked, now: World.now()) }
    if options.output.isForPrograms { return Output.line(try options.output.text(all)) }
    guard !all.isEmpty else { return Output.line("no certificates in \(path)") }
    Output.table(
      [["NAME", "NAMES", "VALID UNTIL", "DAYS", "ISSUER", "KEY"]]
        + all.map {
          [
            $0.name, Self.folded($0.identifiers), $0.notAfter, $0.revoked ? "revoked" : "\($0.daysLeft)",
            $0.issuer ?? $0.issuedBy, $0.key,
          ]
        })
  }

  /// The most names of one certificate that are shown.
  private static let shownNames = 3

  private static func folded(_ names: [String]) -> String {
    let shown = names.count == shownNames + 1 ? names[...] : names.prefix(shownNames)
    let left = names.count - shown.count
    return shown.joined(separator: ",") + (left > 0 ? " and \(left) more" : "")
  }
}
