import ACME
import Bytes
import CertStore
import Configuration
import Destinations
import Fleet
import OS
import PKI
import Proxy
import Renewal
import TLS
import Upstream

/// Some certificates of one configuration, to be renewed by a command and not by the daemon.
struct RenewalJob {
  let configuration: Configuration
  var managed: [Renewal.ManagedCertificate]
  /// Whether the configuration's listeners are to present the certificates: not for those issued by name.
  var isServedHere = false
  /// Who shows what a CA is being asked for; nil for nobody.
  var progress: StepProgress?
  /// The fleet whose certificates they are; nil for none.
  private var fleet: FleetNode?

  init(
    configuration: Configuration, managed: [Renewal.ManagedCertificate], isServedHere: Bool = false
  ) {
    (self.configuration, self.managed, self.isServedHere) = (configuration, managed, isServedHere)
  }

  /// Renews what is due. Answers HTTP-01 on the configured address for as long as it takes, unless somebody
  /// else has the port: then that one answers from the challenge directory.
  func run(
    _ world: World, _ store: CertStore, force: Situation.Force, isDryRun: Bool,
    beforeOrders: () async -> Void = {}, warn: @escaping @Sendable (String) -> Void
  ) async throws(SetupError) -> Report {
    let (planner, issuers) = try executor(configuration.acme, world, store, warn, isForPlanning: true)
    let preview = await planner.run(managed, force: force, isDryRun: true)
    if isDryRun || planner.isAtRest(after: preview, managed, force: force) { return preview }
    var job = self
    // As one of the fleet's nodes, which has the right to renew or has not.
    job.fleet = try await FleetMember.visit(configuration, managed, store, warn: warn)
    let result: Result<Report, SetupError>
    do throws(SetupError) {
      result = .success(
        try await job.carryOut(
          planner, issuers, world, store, force: force, beforeOrders: beforeOrders, warn: warn))
    } catch { result = .failure(error) }
    await job.fleet?.stop()
    return try result.get()
  }

  private func carryOut(
    _ planner: Executor, _ issuers: [String: any Renewal.Issuer], _ world: World, _ store: CertStore,
    force: Situation.Force, beforeOrders: () async -> Void, warn: @escaping @Sendable (String) -> Void
  ) async throws(SetupError) -> Report {
    let proof = ProofOfService(world: world)
    // A CA may want something renewed now: whatever will be ordered has to be answered for.
    for warning in try await executor(configuration.acme, world, store, warn).0.askAdvice(managed) {
      warn(warning)
    }
    let preview = await planner.run(managed, force: force, isDryRun: true)
    if preview.certificates.contains(where: { if case .wouldRenew = $0.outcome { true } else { false } }) {
      await beforeOrders()
    }
    let needsAnswers = preview.certificates.contains { entry in
      guard case .wouldRenew = entry.outcome,
        let wanted = managed.first(where: { $0.name == entry.name })
      else { return false }
      return wanted.issuers.contains { issuers[$0.name] is Renewal.ACMEIssuer }
    }
    guard needsAnswers else {
      var report = try await executor(configuration.acme, world, store, warn).0.run(managed, force: force)
      if isServedHere { try await proof.prove(&report, managed, store, configuration) }
      return report
    }
    let turn = await Self.takeTurn(store)
    let hooks = RunHooks(configuration.acme, warn)
    await hooks.begin()
    let answerer = try ChallengeAnswerer(configuration.acme, store, warn)
    var report = try await executor(answerer.acme, world, store, warn).0.run(managed, force: force)
    await answerer.finish(hasFailed: report.hasFailure)
    await hooks.end()
    withExtendedLifetime(turn) {}
    if isServedHere { try await proof.prove(&report, managed, store, configuration) }
    return report
  }

  /// Looks so many seconds ahead; asks nobody.
  func forecast(_ world: World, _ store: CertStore, seconds: Int64) async throws(SetupError) -> Forecast {
    do {
      return try await executor(configuration.acme, world, store, { _ in }, isForPlanning: true).0.forecast(
        managed, seconds: seconds)
    } catch { throw .other("\(error)") }
  }

  private func executor(
    _ acme: ACMESettings, _ world: World, _ store: CertStore, _ warn: @escaping @Sendable (String) -> Void,
    isForPlanning: Bool = false
  ) throws(SetupError) -> (Executor, [String: any Renewal.Issuer]) {
    let issuers = try IssuerFactory(
      world: world, store: store, warn: warn, configuration: configuration, fleet: fleet,
      isForPlanning: isForPlanning, progress: progress
    ).issuers(acme)
    var environment = Executor.Environment(
      now: { World.now() }, random: { World.random() }, hookEnvironment: Subprocess.inheritedEnvironment())
    let proof = ProofOfService(world: world)
    environment.companions = fleet
    environment.prove = { await proof.prove($0, $1, $2) }
    environment.deliver = Delivery.deliverer(world)
    environment.pushToGoogleCloud = GoogleCloud.deployer(configuration, store, world, warn: warn)
    let executor = Executor(
      store: store, issuers: issuers, policy: IssuerFactory.policy(acme), environment: environment)
    return (executor, issuers)
  }

  /// How long another command may keep us waiting, in seconds.
  static let turnPatienceSeconds = 300

  /// One command at a time: the port for HTTP-01 would go away with the one that has it, in the middle of
  /// another one's challenge. Nil when the other does not come to an end, or the store cannot be locked.
  static func takeTurn(_ store: CertStore, seconds: Int = turnPatienceSeconds) async -> FileLock? {
    try? await FileLock.acquire("\(store.root)/http01.lock", FileSystem(), tries: seconds * 10) {
      try await World.sleep(seconds: 0.1)
    }
  }
}

extension RenewalJob {
  /// Everything that this machine's certd is responsible for: the configuration's certificates, and those that
  /// were issued by name. One of the latter that cannot be used is told to `refuse` and left out.
  static func all(
    _ source: ConfigurationSource, _ store: CertStore, refuse: (LineageName, SetupError) -> Void
  ) throws(SetupError) -> [RenewalJob] {
    try all(source, configuration(of: source), store, refuse: refuse)
  }

  /// The same with what was read from the source.
  static func all(
    _ source: ConfigurationSource, _ configuration: Configuration?, _ store: CertStore,
    refuse: (LineageName, SetupError) -> Void
  ) throws(SetupError) -> [RenewalJob] {
    var jobs: [RenewalJob] = []
    if let configuration {
      let loaded = Credentials.load(configuration)
      let managed = try ManagedCertificates.list(configuration, covered: { loaded.cover($0, besides: store) })
      jobs.append(RenewalJob(configuration: configuration, managed: managed, isServedHere: true))
    }
    let known = Set(jobs.flatMap(\.managed).map(\.name))
    for name in IssuedRequest.names(store, besides: known) {
      do throws(SetupError) {
        let request = try IssuedRequest.read(store, name)
        guard request.isByConfiguration == true else {
          jobs.append(try RenewalJob(name, request))
          continue
        }
        guard let configuration, case .file = source else {
          throw .other("it was issued by a configuration file; name that with --config")
        }
        jobs.append(try RenewalJob(name, request, configuration))
      } catch { refuse(name, error) }
    }
    return jobs
  }

  /// Nil when neither a file nor flags say anything.
  static func configuration(of source: ConfigurationSource) throws(SetupError) -> Configuration? {
    if case .flags(var options) = source {
      guard !options.domains.isEmpty || !options.addresses.isEmpty else { return nil }
      if options.backends.isEmpty { options.backends = ["127.0.0.1:1"] }
      return try ConfigurationSource.flags(options).read().configuration
    }
    return try source.read().configuration
  }

  /// One certificate that was asked for by flags.
  init(_ name: LineageName, _ request: IssuedRequest) throws(SetupError) {
    let configuration = try ConfigurationSource.flags(request.options).read().configuration
    try self.init(name, request, configuration)
  }

  /// One certificate by a configuration's issuer.
  init(_ name: LineageName, _ request: IssuedRequest, _ configuration: Configuration) throws(SetupError) {
    var identifiers: [Identifier] = []
    for text in request.names {
      guard let identifier = Identifier(text) else { throw .other("\(text) is not a name or address") }
      identifiers.append(identifier)
    }
    let choices = try Self.choices(request, configuration.acme, configuration.file)
    for issuer in choices {
      if issuer.kind != .local, !configuration.acme.challenges.contains(.dns01),
        let wildcard = request.names.first(where: { $0.hasPrefix("*.") })
      {
        throw .configuration(
          "the wildcard \(wildcard) can be proven by dns-01 only: add --dns-exec PROGRAM, or acme.dns01 to the file"
        )
      }
      if issuer.isPublic, !configuration.acme.agreeTOS {
        throw .configuration(
          "\(issuer.name) issues only to those who agree to its terms of service; read them and add --agree-tos"
        )
      }
    }
    guard let keyType = KeyType(rawValue: request.keyType) else {
      let known = KeyType.allCases.map(\.rawValue).joined(separator: ", ")
      throw .other("key_type is \(request.keyType), not one of \(known); issue it anew with --key-type")
    }
    self.configuration = configuration
    managed = [
      Renewal.ManagedCertificate(
        name: name, identifiers: identifiers, keyType: keyType,
        issuers: choices.map { IssuerChoice($0.name, profile: $0.profile) },
        deploys: DeployAction.all(name.description, configuration, hooks: request.hooks))
    ]
  }

  /// Who may issue what was asked for by name: the issuer that was named, or all that the configuration has.
  private static func choices(
    _ request: IssuedRequest, _ acme: ACMESettings, _ file: String
  ) throws(SetupError) -> [IssuerSettings] {
    let isNamed = acme.issuers.contains { $0.name == request.issuer }
    if request.isByConfiguration == true, let named = request.issuer, !isNamed {
      let known = acme.issuers.map(\.name).joined(separator: ", ")
      throw .configuration("\(file) has no issuer \(named), only \(known)")
    }
    let choices = acme.choices(named: isNamed ? request.issuer : nil)
    guard !choices.isEmpty else { throw .configuration("no issuer is configured") }
    return choices
  }
}
