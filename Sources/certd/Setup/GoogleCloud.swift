import Bytes
import CertStore
import Configuration
import GCP
import HTTPClient
import OS
import PKI
import TLS

/// The load balancers of a configuration's section `gcp`, ready to be spoken to.
struct GoogleCloud: Sendable {
  let session: GCP.Session
  let pusher: Pusher
  private(set) var targets: [GCP.Target]
  private let certificates: [String]
  private let configuration: Configuration

  /// The largest file with credentials or roots, in bytes.
  static let maximumFileBytes = 1 << 20

  /// Reads what the section names and finds credentials. Throws when there is no section, or nobody to be.
  static func open(
    _ configuration: Configuration, _ world: World, isVerbose: Bool = false,
    warn: @escaping @Sendable (String) -> Void
  ) async throws(SetupError) -> GoogleCloud {
    guard let settings = configuration.gcp else {
      throw .configuration("\(configuration.file): there is no section gcp; docs/gcp.md shows one")
    }
    let store = try StoreLocation.openPresent(configuration.store, report: { warn("store: \($0)") })
    let session = try await session(
      settings, world, installation: store?.installation(), isVerbose: isVerbose, warn: warn)
    let known = configuration.managedCertificates(covered: { _ in false }).certificates.map(\.name)
    return GoogleCloud(
      session: session,
      pusher: Pusher(
        session: session, prefix: settings.namePrefix, probe: ClientProbe(client: world.client)),
      targets: targets(configuration),
      certificates: known + namedFiles(configuration).keys, configuration: configuration)
  }

  /// Calls of one project, by the credentials that the section names or that are at hand.
  static func session(
    _ settings: GCPSettings, _ world: World, installation: String? = nil, isVerbose: Bool = false,
    warn: @escaping @Sendable (String) -> Void
  ) async throws(SetupError) -> GCP.Session {
    let variables = Subprocess.inheritedEnvironment()
    let endpoints = endpoints(settings, variables)
    var options = HTTPClient.Options()
    if let path = settings.caFile { options.context = try context(path) }
    let plain = GCP.ClientTransport(world.client, options: options)
    let transport: any GCP.Transport = isVerbose ? TellingTransport(inner: plain) : plain
    var environment = GCP.Environment(
      now: { World.now() }, uptime: { Double(OS.Clock.monotonicNanoseconds()) / 1e9 },
      sleep: { try await World.sleep(seconds: $0) }, random: { World.random() },
      randomBytes: { PKI.Random.bytes($0) })
    let repeats = RepeatedFailure()
    environment.retrying = { failure, seconds in
      guard repeats.isNew(failure, at: World.now()) else { return }
      warn("\(failure); trying again in \(Int(seconds.rounded(.up))) s")
    }
    let finder = GCP.Credentials(
      file: settings.credentials, variables: variables, tokenEndpoint: endpoints.token,
      exchangeEndpoint: endpoints.sts,
      read: { try? FileSystem().read($0, limitInBytes: maximumFileBytes, followingLinks: true) },
      transport: transport, environment: environment)
    let source: any TokenSource
    do throws(GCPError) { source = try await finder.source() } catch { throw .other("\(error)") }
    return GCP.Session(
      project: settings.project, endpoints: endpoints,
      tokens: TokenCache(source, now: environment.now), transport: transport, environment: environment,
      userAgent: "certd/\(Version.text)", installation: installation)
  }

  /// Everything that certificates are pushed to: the targets of the file, and its load balancer's own proxy.
  static func targets(_ configuration: Configuration) -> [GCP.Target] {
    guard let settings = configuration.gcp else { return [] }
    let named = targets(settings)
    guard let own = ownTarget(configuration) else { return named }
    let isNamed = named.contains { $0.kind == own.kind && $0.name == own.name && $0.scope == own.scope }
    return isNamed ? named : named + [own]
  }

  /// The proxy of the load balancer that the configuration describes, whether it has been made or not.
  private static func ownTarget(_ configuration: Configuration) -> GCP.Target? {
    guard let balancer = configuration.gcp?.loadBalancer,
      let certificates = try? LoadBalancerChain.certificates(configuration, balancer)
    else { return nil }
    return ChainSettings.pushTarget(
      balancer.name, balancer.kind,
      balancer.region.map { .region($0) } ?? .global, names: balancer.names,
      route: balancer.route, certificates: certificates)
  }

  private static func targets(_ settings: GCPSettings) -> [GCP.Target] {
    settings.targets.map { target in
      GCP.Target(
        kind: target.kind, name: target.name,
        scope: target.region.map { .region($0) } ?? .global,
        route: target.route,
        certificates: target.certificates.map(\.value), address: target.address)
    }
  }

  /// The environment goes before the file, as with Google's own tools.
  static func endpoints(_ settings: GCPSettings, _ variables: [String: String]) -> Endpoints {
    func variable(_ name: String) -> String? {
      let text = variables["CERTD_GCP_\(name)_ENDPOINT"] ?? ""
      return text.isEmpty ? nil : text
    }
    var endpoints = settings.endpoints
    if let text = variable("COMPUTE") { endpoints.compute = text }
    if let text = variable("CERTIFICATEMANAGER") { endpoints.certificateManager = text }
    if let text = variable("PUBLICCA") { endpoints.publicCA = text }
    if let text = variable("DNS") { endpoints.dns = text }
    if let text = variable("TOKEN") { endpoints.token = text }
    if let text = variable("STS") { endpoints.sts = text }
    return endpoints
  }

  private static func context(_ path: String) throws(SetupError) -> ClientContext {
    let pem: [UInt8]
    do throws(SystemError) {
      pem = try FileSystem().read(path, limitInBytes: maximumFileBytes, followingLinks: true)
    } catch { throw .configuration("gcp.ca_file: \(error)") }
    do throws(ContextError) { return try ClientContext(trust: .init(extraPEM: [pem])) } catch {
      throw .configuration("\(path): \(error)")
    }
  }

  /// What the store holds for the targets: the current generation of each certificate that they name.
  func request(_ store: CertStore?, only: Set<String>? = nil) -> Pusher.Request {
    var deployments: [GCP.Deployment] = []
    var missing: [String: String] = [:]
    for name in Set(targets.flatMap(\.certificates)) {
      switch Self.deployment(name, configuration, store) {
      case .here(let deployment): deployments.append(deployment)
      case .missing(let why): missing[name] = why ?? absence(of: name, store)
      }
    }
    return Pusher.Request(targets: targets, deployments: deployments, missing: missing, only: only)
  }

  private func absence(of name: String, _ store: CertStore?) -> String {
    let stored = store?.inventory(now: World.now()).certificates.map(\.name.description) ?? []
    if certificates.contains(name) { return "it has not been issued yet" }
    let hint = Configuration.hint(for: name, among: stored + certificates) ?? "'certd list' shows all"
    return "there is no certificate of that name; \(hint)"
  }

  /// Pushes certificates that were renewed to the targets that name them: what the daemon does after each
  /// renewal. Nothing is undone when it fails; `isRetryable` of the report tells whether the same push may
  /// succeed later by itself.
  static func push(
    _ names: Set<String>, _ configuration: Configuration, _ store: CertStore, _ world: World,
    warn: @escaping @Sendable (String) -> Void
  ) async throws(SetupError) -> PushReport {
    var cloud = try await open(configuration, world, warn: warn)
    // A load balancer that is described and not made yet gets its certificates when it is made.
    if let own = ownTarget(configuration), await !cloud.pusher.isThere(own) {
      cloud.targets.removeAll { $0 == own }
    }
    // What nobody takes yet is neither pushed nor failed: an empty report says so.
    guard cloud.targets.contains(where: { !names.isDisjoint(with: $0.certificates) }) else {
      return PushReport()
    }
    return await cloud.pusher.push(cloud.request(store, only: names))
  }
}

/// Looks at what a load balancer presents.
private struct ClientProbe: HandshakeProbe {
  let client: HTTPClient

  /// How long a handshake may take, in milliseconds.
  static let milliseconds: UInt64 = 5_000

  func leaf(at address: String, serverName: String) async throws(ProbeFailure) -> [UInt8] {
    guard let (host, port) = Self.parts(address) else { throw ProbeFailure("\(address) is no address") }
    let addresses: [SocketAddress]
    do throws(SystemError) {
      addresses = try await OwnThread.run { () -> Result<[SocketAddress], SystemError> in
        Result { () throws(SystemError) in try Resolver.resolve(host: host, port: port) }
      }.get()
    } catch { throw ProbeFailure("\(error)") }
    guard let first = addresses.first else { throw ProbeFailure("\(host) has no address") }
    let chain: [[UInt8]]
    do throws(HTTPClientError) {
      chain = try await client.peerChain(
        at: first, serverName: serverName, deadlineMilliseconds: Self.milliseconds)
    } catch { throw ProbeFailure("\(error)") }
    guard let leaf = chain.first else { throw ProbeFailure("no certificate was presented") }
    return leaf
  }

  /// `host`, `host:port`, `[::1]:port`; 443 without a port.
  private static func parts(_ text: String) -> (String, UInt16)? {
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else { return nil }
      let host = String(text[text.index(after: text.startIndex)..<end])
      let rest = text[text.index(after: end)...]
      return rest.isEmpty ? (host, 443) : UInt16(rest.dropFirst()).map { (host, $0) }
    }
    let pieces = text.split(separator: ":", omittingEmptySubsequences: false)
    guard pieces.count == 2 else { return (text, 443) }
    return UInt16(pieces[1]).map { (String(pieces[0]), $0) }
  }
}
