import ArgumentParser
import CertStore

struct ShowCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show one certificate and where its files are.",
    discussion: "Example: certd show llm.example.com")

  @Argument(help: "The certificate's name, as 'certd list' shows it.") var name: String
  @OptionGroup var options: StoreOptions

  func run() async throws {
    let store: CertStore?
    let path: String
    do throws(SetupError) {
      path = try options.path()
      store = try options.openPresent()
    } catch { throw Failure.exit(error) }
    guard let lineage = LineageName(name), let stored = store?.load(lineage, now: World.now()) else {
      throw Failure.exit(.other("there is no certificate \(name) in \(path); 'certd list' shows all"))
    }
    let shown = CertificateDescription(stored, now: World.now())
    if options.output.isForPrograms { return Output.line(try options.output.text(shown)) }
    Output.table([
      ["Name:", shown.name],
      ["Names:", shown.identifiers.joined(separator: ", ")],
      ["Valid:", "\(shown.notBefore) to \(shown.notAfter) (\(shown.daysLeft) days left)"],
      ["Issuer:", "\(shown.issuer.map { "\($0), " } ?? "")\(shown.issuedBy)"],
      ["Key:", shown.key],
      ["Serial:", shown.serial],
      ["SHA-256:", shown.sha256],
      ["Generation:", "\(shown.generation)"],
      ["Certificate:", "\(shown.directory)/fullchain.pem"],
      ["Private key:", "\(shown.directory)/privkey.pem"],
    ])
  }
}
