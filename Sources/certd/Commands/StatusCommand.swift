import ArgumentParser
import Bytes
import CertStore
import Configuration
import HTTPClient
import OS
import PKI
import Proxy
import Renewal
import TLS

struct StatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Compare what is stored with what is served, and show what waits.",
    discussion: """
      Example: certd status --config certd.yaml

      Shakes hands with every TLS listener of the configuration for each certificate. Exit status: 0 when all of them \
      present what is stored and nothing waits; 1 when one does not, a certificate is missing or expired, or a \
      deployment has failed; 2 when the configuration is not valid.
      """)

  @OptionGroup var options: ConfigurationOptions
  @Option(name: .shortAndLong, help: "Output: text or json.") var output = StoreOptions.Format.text
  @Flag(name: .shortAndLong, help: "Say nothing when all is well.") var quiet = false

  func run() async throws {
    let status: ServiceStatus
    do throws(SetupError) { status = try await ServiceStatus.take(options) } catch {
      throw Failure.exit(error)
    }
    if output == .json {
      Output.line(try CertificateDescription.json(status))
    } else if !quiet || !status.isWell {
      tell(status)
    }
    guard status.isWell else { throw ExitStatus.failed }
  }

  private func tell(_ status: ServiceStatus) {
    guard !status.certificates.isEmpty else { return Output.line("no certificates") }
    var rows = [["NAME", "VALID UNTIL", "LISTENER", "STATE"]]
    for certificate in status.certificates {
      let until = certificate.notAfter ?? "-"
      if certificate.served.isEmpty { rows.append([certificate.name, until, "-", certificate.state]) }
      for served in certificate.served {
        rows.append([certificate.name, until, served.listener, served.state])
      }
    }
    Output.table(rows)
    for deploy in status.deploys {
      let next = deploy.nextAttemptAt.map { ", next attempt \($0)" } ?? ""
      let why = deploy.lastError.map { ": \($0)" } ?? ""
      Output.line("\(deploy.name): \(deploy.what) waits after \(deploy.failures) failures\(next)\(why)")
    }
  }
}

/// What is stored, what is served, and what still has to be done.
struct ServiceStatus: Encodable {
  struct Certificate: Encodable {
    let name: String
    /// stored, missing or expired.
    var state: String
    var notAfter: String?
    var sha256: String?
    var served: [Served] = []
  }

  struct Served: Encodable {
    let listener: String
    /// current, other or unreachable.
    let state: String
    let sha256: String?
    let notAfter: String?
    let error: String?
  }

  struct Deploy: Encodable {
    let name: String
    let what: String
    let failures: Int
    let lastError: String?
    let nextAttemptAt: String?
  }

  var certificates: [Certificate] = []
  var deploys: [Deploy] = []

  /// Whether everything is served as it is stored, and nothing has failed.
  var isWell: Bool {
    deploys.allSatisfy { $0.failures == 0 }
      && certificates.allSatisfy { $0.state == "stored" && $0.served.allSatisfy { $0.state == "current" } }
  }
}

extension ServiceStatus {
  /// How long a handshake with an own listener may take, in milliseconds.
  private static let handshakeMilliseconds: UInt64 = 5_000

  /// Looks at the store, and at the listeners of the configuration where there is one.
  static func take(_ options: ConfigurationOptions) async throws(SetupError) -> ServiceStatus {
    let source = options.source()
    var configuration: Configuration?
    if case .file = source { configuration = try source.read().configuration }
    if !options.domain.isEmpty { configuration = try source.read().configuration }
    let store = try StoreLocation.openPresent(options.store ?? configuration?.store) {
      Output.error("certd: store: \($0)")
    }
    var status = ServiceStatus()
    var wanted: [(label: String, credential: Credential?, leaf: PKI.Certificate?)] = []
    if let configuration {
      let files = try Credentials.load(configuration)
      for credential in files { wanted.append((credential.label, credential, leaf(of: credential))) }
      for managed in try ManagedCertificates.list(configuration, covered: { Credentials.cover(files, $0) }) {
        let stored = store?.load(managed.name, now: World.now())
        wanted.append((managed.name.description, stored.flatMap(Credentials.credential), stored?.chain.leaf))
      }
    }
    for stored in store?.inventory(now: World.now()).certificates ?? []
    where !wanted.contains(where: { $0.label == stored.name.description }) {
      // Not for our own listeners: only what is stored can be told.
      wanted.append((stored.name.description, nil, stored.chain.leaf))
    }
    let addresses = try configuration.map(listeners) ?? []
    let world = try World()
    for (label, credential, leaf) in wanted {
      status.certificates.append(await certificate(label, credential, leaf, addresses, world))
    }
    if let store {
      do throws(StoreError) { status.deploys = try store.deploys(now: World.now()).map(Deploy.init) } catch {
        throw .other("\(error)")
      }
    }
    return status
  }

  private static func leaf(of credential: Credential) -> PKI.Certificate? {
    credential.chain.first.flatMap { try? PKI.Certificate(der: $0) }
  }

  /// The configuration's TLS listeners as they are reached from here; a PROXY header where they expect one of us.
  private static func listeners(
    _ configuration: Configuration
  ) throws(SetupError) -> [(address: SocketAddress, preamble: [UInt8])] {
    var found: [(SocketAddress, [UInt8])] = []
    for listener in configuration.listeners where listener.tls != .off {
      let address = try ProxySettings.address(listener.address).reachableLocally
      let isTrusted = listener.proxyProtocolFrom.contains { $0.contains(address.ipBytes) }
      found.append((address, isTrusted ? ProxyProtocol.ownHeader(.v2) : []))
    }
    return found
  }

  private static func certificate(
    _ label: String, _ credential: Credential?, _ leaf: PKI.Certificate?,
    _ listeners: [(address: SocketAddress, preamble: [UInt8])], _ world: World
  ) async -> Certificate {
    guard let leaf else { return Certificate(name: label, state: "missing") }
    var certificate = Certificate(name: label, state: leaf.notAfter < World.now() ? "expired" : "stored")
    certificate.notAfter = leaf.notAfter.description
    certificate.sha256 = Hex.encode(leaf.sha256)
    guard let name = credential?.names.first else { return certificate }
    let host = name.hasPrefix("*.") ? "certd-proof" + name.dropFirst() : name
    for (address, preamble) in listeners {
      certificate.served.append(await served(host, leaf, address, preamble, world))
    }
    return certificate
  }

  private static func served(
    _ host: String, _ leaf: PKI.Certificate, _ address: SocketAddress, _ preamble: [UInt8], _ world: World
  ) async -> Served {
    do throws(HTTPClientError) {
      let chain = try await world.client.peerChain(
        at: address, serverName: host, deadlineMilliseconds: handshakeMilliseconds, preamble: preamble)
      let presented = chain.first.flatMap { try? PKI.Certificate(der: $0) }
      return Served(
        listener: "\(address)", state: presented == leaf ? "current" : "other",
        sha256: presented.map { Hex.encode($0.sha256) }, notAfter: presented?.notAfter.description, error: nil
      )
    } catch {
      return Served(
        listener: "\(address)", state: "unreachable", sha256: nil, notAfter: nil, error: error.description)
    }
  }
}

extension ServiceStatus.Deploy {
  init(_ task: DeployTask) {
    self.init(
      name: task.name, what: task.action.summary, failures: task.failures, lastError: task.lastError,
      nextAttemptAt: task.nextAttemptAt?.description)
  }
}
