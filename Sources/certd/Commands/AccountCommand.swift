import ACME
import ArgumentParser
import CertStore
import Configuration
import HTTP
import Renewal

struct AccountCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "account", abstract: "Look after the accounts at the CAs.",
    discussion: "Example: certd account show --config certd.yaml",
    subcommands: [
      AccountShowCommand.self, AccountContactsCommand.self, AccountRolloverCommand.self,
      AccountDeactivateCommand.self,
    ])
}

/// Which accounts a command is about.
struct AccountOptions: ParsableArguments {
  @OptionGroup var options: ConfigurationOptions
  @Option(name: .customLong("ca"), help: "Only the account at the issuer of this name (default: all).")
  var name: String?

  /// The CAs that speak ACME, by the configuration's names, with what the configuration says of contacts.
  func issuers() throws(SetupError) -> [(name: String, issuer: Renewal.ACMEIssuer, acme: ACMESettings)] {
    let source = options.source()
    let configuration = try configuration(source)
    let store = try StoreLocation.open(options.store ?? configuration.store) {
      Output.error("certd: store: \($0)")
    }
    let made = try IssuerFactory(
      world: try World(), store: store, warn: { Output.error("certd: \($0)") }, configuration: configuration
    ).issuers(configuration.acme)
    let known = configuration.acme.issuers.compactMap { issuer in
      (made[issuer.name] as? Renewal.ACMEIssuer).map { (issuer.name, $0, configuration.acme) }
    }
    guard let name else {
      guard !known.isEmpty else { throw .configuration("no issuer is an ACME CA: there are no accounts") }
      return known
    }
    let chosen = known.filter { $0.0 == name }
    guard !chosen.isEmpty else {
      throw .configuration(
        "there is no ACME issuer \(name); known: \(known.map(\.0).joined(separator: ", "))")
    }
    return chosen
  }

  /// Accounts need an issuer and nothing else.
  private func configuration(_ source: ConfigurationSource) throws(SetupError) -> Configuration {
    guard case .flags(var flags) = source else { return try source.read().configuration }
    guard flags.issuer != nil else {
      throw .configuration("no configuration names a CA; give --config or --issuer")
    }
    if flags.domains.isEmpty { flags.domains = ["localhost"] }
    if flags.backends.isEmpty { flags.backends = ["127.0.0.1:1"] }
    return try ConfigurationSource.flags(flags).read().configuration
  }

  /// Runs something for each account; the first failure ends it.
  func each(
    _ body: (String, Renewal.ACMEIssuer, ACMESettings) async throws(IssuerError) -> Void
  ) async throws {
    do throws(SetupError) {
      for (name, issuer, acme) in try issuers() {
        do throws(IssuerError) { try await body(name, issuer, acme) } catch {
          throw .other("\(name): \(error)")
        }
      }
    } catch { throw Failure.exit(error) }
  }
}

struct AccountShowCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show the accounts as their CAs have them; registers none.",
    discussion: "Example: certd account show --config certd.yaml --output json")

  @OptionGroup var accounts: AccountOptions
  @Option(name: .shortAndLong, help: "Output: table, json or yaml.") var output = OutputFormat.table

  private struct Shown: Encodable {
    let issuer: String
    let url: String?
    let contacts: [String]
  }

  func run() async throws {
    var shown: [Shown] = []
    try await accounts.each { (name, issuer, _) throws(IssuerError) in
      let account = try await issuer.existingAccount()
      shown.append(
        Shown(issuer: name, url: account?.url.description, contacts: account?.contacts ?? []))
    }
    if output.isForPrograms { return Output.line(try output.text(shown)) }
    Output.table(
      [["ISSUER", "ACCOUNT", "CONTACTS"]]
        + shown.map { [$0.issuer, $0.url ?? "none yet", $0.contacts.joined(separator: ", ")] })
  }
}

struct AccountContactsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "contacts", abstract: "Tell the CAs the configured contact (RFC 8555 §7.3.2).",
    discussion: "Example: certd account contacts --config certd.yaml")

  @OptionGroup var accounts: AccountOptions

  func run() async throws {
    try await accounts.each { (name, issuer, acme) throws(IssuerError) in
      let account = try await issuer.setContacts(acme.email.map { ["mailto:\($0)"] } ?? [])
      Output.line("\(name): contacts: \(account.contacts.joined(separator: ", "))")
    }
  }
}

struct AccountRolloverCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rollover", abstract: "Give the accounts new keys (RFC 8555 §7.3.5).",
    discussion: """
      Example: certd account rollover --config certd.yaml --ca letsencrypt

      Certificates stay as they are. Safe to be cut off: the next use of the account finds out which key holds.
      """)

  @OptionGroup var accounts: AccountOptions

  func run() async throws {
    try await accounts.each { (name, issuer, _) throws(IssuerError) in
      try await issuer.changeKey()
      Output.line("\(name): the account has a new key")
    }
  }
}

struct AccountDeactivateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "deactivate", abstract: "End an account for good (RFC 8555 §7.3.6).",
    discussion: """
      Example: certd account deactivate --config certd.yaml --ca letsencrypt --yes

      Its certificates stay valid but cannot be revoked by the account any more. The next order registers a new account.
      """)

  @OptionGroup var accounts: AccountOptions
  @Flag(help: "Do it; without this nothing is done.") var yes = false

  func validate() throws {
    guard yes else { throw ValidationError("an account cannot be brought back; add --yes") }
    guard accounts.name != nil else { throw ValidationError("name the account with --ca") }
  }

  func run() async throws {
    try await accounts.each { (name, issuer, _) throws(IssuerError) in
      try await issuer.deactivate()
      Output.line("\(name): the account is deactivated")
    }
  }
}
