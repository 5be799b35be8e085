import Bytes
import CertStore
import Configuration
import Etcd
import Fleet
import HTTPClient
import OS
import PKI
import Renewal
import TLS

/// Makes a node of the fleet that a configuration names.
enum FleetMember {
  /// The node, which does nothing yet; nil where the configuration names no fleet.
  static func node(
    _ configuration: Configuration, _ store: CertStore, isServing: Bool = true,
    tell: @escaping @Sendable (FleetNode.News) -> Void
  ) throws(SetupError) -> FleetNode? {
    guard let settings = configuration.fleet else { return nil }
    var own = FleetNode.Settings(
      node: settings.node, space: Space(prefix: settings.prefix), seal: try seal(settings, configuration),
      version: Version.text, isServing: isServing)
    own.follows = isServing && settings.follows
    return FleetNode(
      own, client: try client(settings, configuration), store: store,
      world: FleetNode.Surroundings(
        now: { World.now() }, monotonic: { OS.Clock.monotonicNanoseconds() / 1_000_000 },
        sleep: { try await World.sleep(seconds: $0) }, random: { World.random() }, tell: tell))
  }

  /// Etcd, on a control loop of its own: what comes from there holds up no health check.
  static func client(
    _ settings: FleetSettings, _ configuration: Configuration
  ) throws(SetupError) -> EtcdClient {
    let context = try context(settings, configuration)
    do throws(HTTPClientError) {
      return EtcdClient(
        .init(
          endpoints: settings.endpoints, context: context, user: settings.user, password: settings.password),
        http: try HTTPClient(environment: Subprocess.inheritedEnvironment()),
        uptime: { OS.Clock.bootSeconds() })
    } catch { throw .other("the HTTP client could not be started: \(error)") }
  }

  /// What secrets are sealed with.
  static func seal(_ settings: FleetSettings, _ configuration: Configuration) throws(SetupError) -> SealKeys {
    do throws(PKIError) {
      return try SealKeys(settings.sealKey, older: settings.oldSealKeys)
    } catch { throw problem(settings, configuration, error.description) }
  }

  /// Reads the files for etcd's TLS; nil where there is nothing to say of it.
  private static func context(
    _ settings: FleetSettings, _ configuration: Configuration
  ) throws(SetupError) -> ClientContext? {
    guard settings.ca != nil || settings.cert != nil else { return nil }
    do {
      var trust = ClientContext.Trust()
      if let ca = settings.ca { trust = .init(system: false, extraPEM: [try IssuerFactory.read(ca)]) }
      var identity: Credential?
      if let cert = settings.cert, let key = settings.key {
        let chain = try CertificateChain(pem: try IssuerFactory.read(cert))
        let pem = try IssuerFactory.read(key)
        guard chain.leaf.matches(try PrivateKey(pem: pem)) else {
          throw SetupError.other("\(key) is not the key of \(cert)")
        }
        identity = Credential(
          label: cert, chain: ([chain.leaf] + chain.intermediates).map(\.der), privateKeyPEM: pem, names: [])
      }
      return try ClientContext(trust: trust, identity: identity)
    } catch { throw problem(settings, configuration, "\(error)") }
  }

  /// How long a command waits until it is part of the fleet, in seconds.
  static let visitSeconds = 20.0

  /// A node for as long as a command lasts, beside a certd that may run here; nil where there is no fleet. Throws when etcd
  /// cannot be used: nothing is renewed then.
  static func visit(
    _ configuration: Configuration, _ managed: [Renewal.ManagedCertificate], _ store: CertStore,
    warn: @escaping @Sendable (String) -> Void
  ) async throws(SetupError) -> FleetNode? {
    guard let settings = configuration.fleet else { return nil }
    let (news, tell) = AsyncStream.makeStream(of: FleetNode.News.self)
    var named = configuration
    named.fleet?.node = "\(settings.node).\(Hex.encode(Random.bytes(3)))"
    guard let node = try node(named, store, isServing: false, tell: { tell.yield($0) }) else { return nil }
    await node.want(wanted(managed, configuration))
    await node.start()
    let patience = Task {
      try? await World.sleep(seconds: visitSeconds)
      tell.yield(.lost("no answer within \(Int(visitSeconds)) s"))
    }
    defer { patience.cancel() }
    for await one in news {
      switch one {
      case .joined: return node
      case .lost(let why):
        await node.stop()
        throw .other("the fleet's etcd cannot be used, and nothing is done without it: \(why)")
      case .problem(let why): warn(why)
      case .certificates, .released, .tickets, .file, .configuration, .servedEverywhere: break
      }
    }
    return node
  }

  /// Whether everything that the section names can be used; asks nobody.
  static func check(_ configuration: Configuration) throws(SetupError) {
    guard let settings = configuration.fleet else { return }
    _ = try seal(settings, configuration)
    _ = try context(settings, configuration)
  }

  private static func problem(
    _ settings: FleetSettings, _ configuration: Configuration, _ message: String
  ) -> SetupError {
    .configuration(configuration.error(at: settings.origin, message).description)
  }

  /// What the fleet does about each certificate: one whose issuer may be this machine's own CA stays this node's.
  static func wanted(
    _ managed: [Renewal.ManagedCertificate], _ configuration: Configuration
  ) -> [LineageName: FleetNode.Wanted] {
    let local = Set(configuration.acme.issuers.filter { $0.kind == .local }.map(\.name))
    return Dictionary(
      managed.map { one in
        let isShared = !one.issuers.contains { local.contains($0.name) }
        return (one.name, FleetNode.Wanted(isShared: isShared, deploys: one.deploys.filter(\.isForEachNode)))
      }, uniquingKeysWith: { first, _ in first })
  }
}

extension DeployAction {
  /// Whether every node does it for itself; other providers' places are the fleet's, and are served by the node that renews.
  fileprivate var isForEachNode: Bool {
    switch self {
    case .googleCloud, .destination, .commandOnce: false
    case .command, .copy, .reload, .proof: true
    }
  }
}
