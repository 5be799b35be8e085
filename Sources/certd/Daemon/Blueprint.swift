import Bytes
import CertStore
import Configuration
import Destinations
import Fleet
import HTTP
import OS
import Proxy
import Renewal
import TLS
import Telemetry

/// Everything that follows from one reading of the configuration, made and checked before any of it is put to use.
struct Blueprint: Sendable {
  var configuration: Configuration
  var settings: Proxy.Settings
  /// What of the files that it names, besides certificates, cannot be used.
  var problems: [String]
  /// Certificate files that cannot be used.
  var broken: [String]
  /// Whether one of them may be for any of the hosts, which then are not obtained.
  let hasUnknown: Bool
  /// How the files were before they were read: what changes while they are is seen afterwards.
  private let filesBefore: FileWatch
  private let trustBefore: FileWatch
  /// How the files of keys were before they were read.
  let keyWatch: FileWatch
  let files: [CertificateFiles]
  var fileCredentials: [Credential]
  let managed: [Renewal.ManagedCertificate]
  let executor: Executor
  let challengePort: ChallengePort

  /// What files of certificates are compared with from now on, and what of it has been told. Those that cannot be used are
  /// looked at again, whether they change or not.
  var watch: (taken: FileWatch, told: FileWatch?) {
    broken.isEmpty ? (filesBefore, nil) : (FileWatch(paths: []), filesBefore)
  }

  /// The same for the other files.
  var trustWatch: (taken: FileWatch, told: FileWatch?) {
    isWhole ? (trustBefore, nil) : (FileWatch(paths: []), trustBefore)
  }

  /// Whether every file besides certificates could be used.
  var isWhole: Bool { problems.isEmpty }

  init(
    _ reading: Configuration.Reading, world: World, store: CertStore, backends: BackendRegistry,
    keys: KeyStore, fleet: FleetNode?, log: Log,
    post: AsyncStream<Daemon.Event>.Continuation, known: [Credential] = [], before: Lenience.State? = nil
  ) async throws(SetupError) {
    configuration = reading.configuration
    for warning in reading.warnings { log.warn("configuration", ["warning": .describing(warning)]) }
    files = configuration.certificates.compactMap { if case .files(let files) = $0 { files } else { nil } }
    filesBefore = FileWatch(files)
    keyWatch = FileWatch(paths: KeyStore.files(configuration))
    trustBefore = FileWatch(paths: ListenerSecurity(configuration: configuration).files())
    let configuration = configuration
    let loaded = try await apart { () throws(SetupError) in Credentials.load(configuration, known: known) }
    fileCredentials = loaded.credentials
    broken = loaded.broken.map(\.file)
    hasUnknown = loaded.hasUnknown
    managed = try ManagedCertificates.list(configuration, covered: { loaded.cover($0, besides: store) })
    // One that cannot be used stops no other, unless nothing at all is left.
    if fileCredentials.isEmpty, managed.isEmpty { _ = try loaded.whole() }
    log.tell(loaded)
    let lenience = Lenience(before: before)
    settings = try await ProxySettings(
      configuration: configuration, backends: backends, lenience: lenience, keys: keys
    ).make()
    problems = lenience.problems
    for problem in problems { log.error("file cannot be used", ["reason": .text(problem)]) }
    let factory = IssuerFactory(
      world: world, store: store, warn: { log.warn("certificates", ["reason": .text($0)]) },
      configuration: configuration, fleet: fleet)
    await fleet?.want(FleetMember.wanted(managed, configuration))
    var environment = Executor.Environment(
      now: { World.now() }, random: { World.random() }, hookEnvironment: Subprocess.inheritedEnvironment(),
      progress: { post.yield(.decided($0)) })
    let port = ChallengePort(
      try ProxySettings.challengeAddress(configuration, isManaged: !managed.isEmpty), store, log)
    challengePort = port
    let hooks = RunHooks(configuration.acme) { log.warn("hook", ["reason": .text($0)]) }
    environment.beginOrders = {
      await hooks.begin()
      await port.open()
    }
    environment.endOrders = {
      await port.close()
      await hooks.end()
    }
    environment.companions = fleet
    environment.prove = { await ProofOfService(world: world).prove($0, $1, $2) }
    environment.deliver = Delivery.deliverer(world)
    environment.pushToGoogleCloud = GoogleCloud.deployer(configuration, store, world) {
      log.warn("Google Cloud", ["reason": .text($0)])
    }
    executor = Executor(
      store: store, issuers: try factory.issuers(configuration.acme),
      policy: IssuerFactory.policy(configuration.acme),
      environment: environment)
  }
}
