import ACME
import Bytes
import CertStore
import Configuration
import DNS
import OS
import PKI
import Renewal

/// Makes what answers DNS-01, as a configuration says.
enum DNSChallenges {
  /// The system's list of recursive name servers.
  private static let resolvConf = "/etc/resolv.conf"

  static func responder(
    _ acme: ACMESettings, _ gcp: GCPSettings?, _ store: CertStore, _ world: World,
    warn: @escaping @Sendable (String) -> Void
  ) throws(SetupError) -> DNSResponder? {
    guard let settings = acme.dns01, acme.challenges.contains(.dns01) else { return nil }
    let environment = NameServers.Environment(
      random: { .random(in: 0...UInt16.max) }, sleep: { try await World.sleep(seconds: $0) })
    let resolver = try resolver(settings, environment)
    var configuration = DNSResponder.Configuration()
    configuration.ttl = UInt32(clamping: settings.ttl.components.seconds)
    configuration.propagationSeconds =
      settings.propagationCheck ? Double(settings.propagationTimeout.components.seconds) : nil
    configuration.authoritativePort = settings.authoritativePort
    return DNSResponder(
      try editor(settings, resolver, environment) { () throws(SetupError) in
        try cloud(settings, acme, gcp, world, warn)
      }, resolver, configuration, store: store,
      run: Hex.encode(Random.bytes(8)), now: { World.now() }, warn: warn)
  }

  /// The recursive servers that the configuration names, or the system's.
  static func resolver(
    _ settings: DNSSettings?, _ environment: NameServers.Environment
  ) throws(SetupError) -> RecursiveResolver {
    var servers: [SocketAddress] = []
    for named in settings?.resolvers ?? [] {
      guard let address = SocketAddress(host: named.host, port: named.port) else {
        throw .configuration("acme.dns01.resolvers: \(named.host) is no address")
      }
      servers.append(address)
    }
    if servers.isEmpty {
      let text = (try? FileSystem().read(resolvConf, limitInBytes: 64 << 10, followingLinks: true)) ?? []
      servers = RecursiveResolver.servers(resolvConf: String(decoding: text, as: UTF8.self))
    }
    return RecursiveResolver(servers: servers, environment)
  }

  private static func editor(
    _ settings: DNSSettings, _ resolver: RecursiveResolver, _ environment: NameServers.Environment,
    cloud: () throws(SetupError) -> CloudEditor
  ) throws(SetupError) -> any ZoneEditor {
    switch settings.provider {
    case .hook(let path):
      return HookEditor(
        program: path, timeLimitSeconds: UInt32(clamping: settings.timeout.components.seconds),
        environment: Subprocess.inheritedEnvironment())
    case .update(let update):
      let port = settings.authoritativePort
      return UpdateEditor(
        key: try key(update), environment,
        server: { zone in try await server(update.server, zone, resolver, port) },
        now: { World.now().seconds })
    case .googleCloud: return try cloud()
    }
  }

  private static func cloud(
    _ settings: DNSSettings, _ acme: ACMESettings, _ gcp: GCPSettings?, _ world: World,
    _ warn: @escaping @Sendable (String) -> Void
  ) throws(SetupError) -> CloudEditor {
    if case .googleCloud(let project, let zone) = settings.provider,
      let cloud = CloudEditor(project: project, zone: zone, gcp, acme, world, warn: warn)
    {
      return cloud
    }
    throw .configuration(
      "acme.dns01.google_cloud_dns: no project is named; set acme.dns01.google_cloud_dns.project or gcp.project"
    )
  }

  /// The key of a configuration, read from its file.
  static func key(_ update: DNSUpdateSettings) throws(SetupError) -> TransactionKey? {
    guard let file = update.keyFile else { return nil }
    let text = String(decoding: try IssuerFactory.read(file), as: UTF8.self)
    var name: DomainName?
    if let given = update.keyName {
      name = DomainName(given)
      guard name != nil else {
        throw .configuration("acme.dns01.rfc2136.key_name: \(given) is no name of a key")
      }
    }
    let algorithm = update.algorithm
    guard let key = TransactionKey(file: text, name: name, algorithm: algorithm) else {
      throw .configuration(
        "\(file): not what tsig-keygen writes, nor a secret in base64 with key_name beside it, or of another name or "
          + "algorithm than the configuration says")
    }
    return key
  }

  /// Who takes updates for a zone.
  private static func server(
    _ named: ServerAddress?, _ zone: DomainName, _ resolver: RecursiveResolver, _ port: UInt16
  ) async throws -> SocketAddress {
    if let named {
      if let address = SocketAddress(host: named.host, port: named.port) { return address }
      guard let address = try await ProofOfService.addresses(named.host, named.port).first else {
        throw DNSError(.unusable, "\(named.host) has no address")
      }
      return address
    }
    let primary = try await resolver.zoneApex(of: zone).primary
    for type in [RecordType.a, .aaaa] {
      for case .address(let bytes) in try await resolver.look(up: primary, type).records.map(\.data) {
        if let address = SocketAddress(ipBytes: bytes, port: port) { return address }
      }
    }
    throw DNSError(
      .unusable, "\(primary), the primary of \(zone), has no address; set acme.dns01.rfc2136.server")
  }
}
