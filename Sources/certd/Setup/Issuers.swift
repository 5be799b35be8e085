import ACME
import Bytes
import CertStore
import Configuration
import Fleet
import HTTP
import OS
import Renewal
import TLS

/// Makes the issuers that a configuration names.
struct IssuerFactory {
  let world: World
  let store: CertStore
  let warn: @Sendable (String) -> Void
  /// What is asked for external accounts' keys by.
  var configuration: Configuration?
  /// The nodes that answer challenges as well; nil for none.
  var fleet: FleetNode?
  /// Whether nobody will be asked: then no roots are loaded, which takes as long as planning a thousand certificates.
  var isForPlanning = false

  /// Who shows what a CA is being asked for; nil for nobody.
  var progress: StepProgress?

  /// The largest file with a root or an external account's key, in bytes.
  static let maximumFileBytes = 256 << 10

  func issuers(_ acme: ACMESettings) throws(SetupError) -> [String: any Renewal.Issuer] {
    var made: [String: any Renewal.Issuer] = [:]
    for issuer in acme.issuers {
      switch issuer.kind {
      case .local:
        made[issuer.name] = LocalAuthority(
          store: store, leafLifetimeSeconds: acme.localLifetime.components.seconds, now: { World.now() })
      case .acme(var settings):
        made[issuer.name] = try acmeIssuer(issuer.name, settings, acme)
        guard let staging = settings.staging else { continue }
        settings.directory = staging
        settings.externalAccount = nil
        settings.externalAccountOrigin = nil
        let name = Self.stagingName(issuer)
        made[name] = try acmeIssuer(name, settings, acme)
      }
    }
    return made
  }

  /// What an issuer's staging environment is called; no name of the configuration has a slash.
  private static func stagingName(_ issuer: IssuerSettings) -> String { "\(issuer.name)/staging" }

  /// The policy that follows from a configuration.
  static func policy(_ acme: ACMESettings) -> Policy {
    var issuers: [String: IssuerTraits] = [:]
    for issuer in acme.issuers {
      switch issuer.kind {
      case .local: issuers[issuer.name] = IssuerTraits(authority: IssuerPreset.localName, isRemote: false)
      case .acme(let settings):
        var traits = traits(settings.directory, settings.externalAccount)
        if let staging = settings.staging {
          traits.staging = stagingName(issuer)
          issuers[stagingName(issuer)] = Self.traits(staging, nil)
        }
        issuers[issuer.name] = traits
      }
    }
    return Policy(
      builtAt: .init(seconds: Version.earliestSeconds), issuers: issuers,
      issuancesPerDay: acme.issuancesPerDay)
  }

  private static func traits(_ directory: String, _ account: ExternalAccount?) -> IssuerTraits {
    let url = URL(directory)
    return IssuerTraits(
      authority: url?.authority ?? directory,
      account: account.map { "\(directory) \($0.keyIdentifier)" } ?? directory,
      limits: PublishedLimits.of(host: url?.host ?? ""))
  }

  /// Reads every file that the issuers of a configuration need, to tell what is wrong with its place.
  static func checkFiles(_ configuration: Configuration) throws(SetupError) {
    var errors: [String] = []
    for issuer in configuration.acme.issuers {
      guard case .acme(let settings) = issuer.kind else { continue }
      do throws(SetupError) {
        _ = try context(settings.roots)
        _ = try binding(settings.externalAccount)
      } catch { errors.append(configuration.error(at: issuer.origin, error.description).description) }
    }
    if case .update(let update)? = configuration.acme.dns01?.provider,
      let origin = configuration.acme.dns01?.origin
    {
      do throws(SetupError) { _ = try DNSChallenges.key(update) } catch {
        errors.append(configuration.error(at: origin, error.description).description)
      }
    }
    guard errors.isEmpty else { throw .configuration(errors.joined(separator: "\n")) }
  }

  private func acmeIssuer(
    _ name: String, _ settings: ACMEIssuerSettings, _ acme: ACMESettings
  ) throws(SetupError) -> any Renewal.Issuer {
    guard let directory = URL(settings.directory) else {
      throw .configuration("acme.issuers: \(settings.directory) is not a URL")
    }
    var options = ACME.Options()
    if let email = acme.email { options.contacts = ["mailto:\(email)"] }
    options.agreesToTerms = acme.agreeTOS
    options.userAgent = "certd/\(Version.text)"
    options.externalAccount = try Self.binding(settings.externalAccount)
    let warn = warn
    let responder = CombinedResponder(
      acme.challenges, store.challenges,
      dns: try DNSChallenges.responder(acme, configuration?.gcp, store, world, warn: warn),
      webroot: acme.http01.webroot.map { Webroot($0, record: "\(store.root)/webroot") },
      look: try look(acme))
    var issuer = Renewal.ACMEIssuer.Configuration(
      directory: directory, options: options,
      responder: fleet.map { FleetResponder(responder, $0) } ?? responder,
      preferredIssuer: acme.preferredChain, lifetimeSeconds: acme.notAfter?.components.seconds)
    if settings.externalAccount == nil, let origin = settings.externalAccountOrigin, let configuration {
      issuer.externalKeys = ExternalKeys(
        world: world, configuration: configuration, warn: { warn("\(name): \($0)") }
      ).fetch(origin)
    }
    var environment = world.acmeEnvironment { warn("\(name): \($0)") }
    if let progress { environment.stepping = { progress.step(name, $0, $1) } }
    return Renewal.ACMEIssuer(
      issuer, store: store,
      transport: TracedTransport(
        inner: ClientTransport(
          client: world.client, context: isForPlanning ? nil : try Self.context(settings.roots))),
      environment: environment, warn: { warn("\(name): \($0)") })
  }

  private func look(
    _ acme: ACMESettings
  ) throws(SetupError) -> (@Sendable (ChallengeAnswer) async -> String?)? {
    guard !isForPlanning, let configuration else { return nil }
    let look = try ChallengeLook(configuration, acme, world)
    return { await look.objection(to: $0) }
  }

  private static func binding(
    _ account: ExternalAccount?
  ) throws(SetupError) -> ExternalAccountBinding? {
    guard let account else { return nil }
    let key = String(decoding: try read(account.keyFile), as: UTF8.self).filter { !$0.isWhitespace }
    guard
      let binding = ExternalAccountBinding(
        keyID: account.keyIdentifier, key: key,
        algorithm: account.algorithm)
    else {
      throw .configuration("\(account.keyFile): not a MAC key in base64url, as the CA shows it")
    }
    return binding
  }

  static func context(_ roots: [String]) throws(SetupError) -> ClientContext? {
    guard !roots.isEmpty else { return nil }
    var extra: [[UInt8]] = []
    for path in roots { extra.append(try read(path)) }
    do throws(ContextError) { return try ClientContext(trust: .init(extraPEM: extra)) } catch {
      throw .configuration("\(roots.joined(separator: ", ")): \(error)")
    }
  }

  static func read(_ path: String) throws(SetupError) -> [UInt8] {
    do throws(SystemError) {
      return try FileSystem().read(path, limitInBytes: maximumFileBytes, followingLinks: true)
    } catch { throw .configuration("\(error)") }
  }
}
