import ACME
import ArgumentParser
import CertStore
import Configuration
import PKI
import Renewal

struct RevokeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "revoke", abstract: "Revoke a certificate at its CA (RFC 8555 §7.6).",
    discussion: "Example: certd revoke llm.example.com --reason key-compromise")

  enum Reason: String, ExpressibleByArgument, CaseIterable {
    case unspecified, superseded
    case keyCompromise = "key-compromise"
    case affiliationChanged = "affiliation-changed"
    case cessationOfOperation = "cessation-of-operation"

    var code: RevocationReason {
      switch self {
      case .unspecified: .unspecified
      case .superseded: .superseded
      case .keyCompromise: .keyCompromise
      case .affiliationChanged: .affiliationChanged
      case .cessationOfOperation: .cessationOfOperation
      }
    }
  }

  @Argument(help: "The certificate's name, as 'certd list' shows it.") var name: String
  @Option(help: "unspecified, key-compromise, affiliation-changed, superseded, cessation-of-operation.")
  var reason: Reason = .unspecified
  @OptionGroup var options: ConfigurationOptions

  func run() async throws {
    do throws(SetupError) { try await revoke() } catch { throw Failure.exit(error) }
    Output.line("\(name): revoked; 'certd renew --force --name \(name)' obtains a new one")
  }

  private func revoke() async throws(SetupError) {
    let source = options.source()
    var named = options.store
    if named == nil, case .file = source { named = try source.read().configuration.store }
    let store = try StoreLocation.open(named) { Output.error("certd: store: \($0)") }
    guard let lineage = LineageName(name), let stored = store.load(lineage, now: World.now()) else {
      throw .other("there is no certificate \(name) in \(store.root); 'certd list' shows all")
    }
    guard
      let job = try RenewalJob.all(source, store, refuse: { _, _ in }).first(where: {
        $0.managed.contains { $0.name == lineage }
      })
    else { throw .other("no configuration says who issued \(name); give --config or --issuer") }
    let world = try World()
    let issuers = try IssuerFactory(world: world, store: store, warn: { Output.error("certd: \($0)") })
      .issuers(job.configuration.acme)
    let issuerName = stored.meta.issuer ?? job.managed.first { $0.name == lineage }?.issuers.first?.name
    let issuer = issuerName.flatMap { issuers[$0] }
    guard let issuer = issuer as? Renewal.ACMEIssuer else {
      throw .other("\(name) comes from the local CA, which has no revocation; its certificates live for days")
    }
    do throws(IssuerError) {
      try await issuer.revoke(stored.chain.leaf, reason: reason.code, key: stored.key)
    } catch { throw .other("\(error)") }
  }
}
