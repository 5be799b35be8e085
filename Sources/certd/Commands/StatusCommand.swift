import ArgumentParser
import Bytes
import CertStore
import Configuration
import HTTPClient
import JSON
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
      deployment has failed; 2 when the configuration is not valid. Where certd runs, what it does is shown as well: its \
      listeners, services, backends and why one gets no requests, and what went wrong of late. --health asks it alone \
      whether it wants clients (0) or not (1), for containers; --watch shows what it does until it is interrupted.
      """)

  @OptionGroup var options: ConfigurationOptions
  @Option(name: .shortAndLong, help: "Output: table, json or yaml.") var output = OutputFormat.table
  @Flag(name: .shortAndLong, help: "Say nothing when all is well.") var quiet = false
  @Flag(help: "Ask the running certd whether it is ready; the answer is the exit status.") var health = false
  @Flag(
    help:
      "Show what the running certd does, again and again: on a terminal anew, else a line for each change.")
  var watch = false
  @Option(help: "The admin socket of the running certd.") var socket: String?

  func run() async throws {
    if health { return try await tellHealth() }
    if watch { return try await StatusWatch(client()).run() }
    let status: ServiceStatus
    do throws(SetupError) { status = try await ServiceStatus.take(options) } catch {
      throw Failure.exit(error)
    }
    // Where nobody answers there is nothing more to tell.
    let running = try? await client().ask("GET", "/status")
    if output.isForPrograms {
      Output.line(try output.text(Whole(status: status, daemon: running)))
    } else if !quiet || !status.isWell {
      if let running {
        DaemonStatus.lines(running).forEach(Output.line)
      } else {
        Output.line("certd does not run here")
      }
      tell(status)
    }
    guard status.isWell else { throw ExitStatus.failed }
  }

  private func client() throws(SetupError) -> AdminClient {
    try AdminClient(AdminLocation.find(config: options.config, store: options.store, socket: socket))
  }

  private func tellHealth() async throws {
    do throws(SetupError) {
      let (status, bytes) = try await client().send("GET", "/healthz")
      guard status == 200 else {
        throw .other("not ready: \(String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self))")
      }
      if !quiet { Output.line("ready") }
    } catch { throw Failure.exit(error) }
  }

  /// What is stored and served, and what the running daemon tells.
  private struct Whole: Encodable {
    let status: ServiceStatus
    let daemon: JSONValue?

    func encode(to encoder: any Encoder) throws {
      try status.encode(to: encoder)
      var container = encoder.container(keyedBy: Key.self)
      try container.encode(daemon.map(EncodableJSON.init), forKey: .daemon)
    }

    enum Key: CodingKey { case daemon }
  }

  private func tell(_ status: ServiceStatus) {
    for problem in status.problems { Output.line(problem) }
    guard !status.certificates.isEmpty else { return Output.line("no certificates") }
    var rows = [["NAME", "KEY", "VALID UNTIL", "LISTENER", "STATE"]]
    for certificate in status.certificates {
      let row = [certificate.name, certificate.key ?? "-", certificate.notAfter ?? "-"]
      if certificate.served.isEmpty { rows.append(row + ["-", certificate.state]) }
      for served in certificate.served {
        // What is served may be what is stored, and still nothing that a client takes.
        let isStored = certificate.state == "stored" || served.state != "current"
        rows.append(row + [served.listener, isStored ? served.state : certificate.state])
      }
    }
    Output.table(rows)
    for certificate in status.certificates {
      for warning in certificate.warnings ?? [] { Output.line("\(certificate.name): \(warning)") }
    }
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
    /// stored, missing, expired or broken.
    var state: String
    var notAfter: String?
    /// For instance `ECDSA P-256`.
    var key: String?
    var sha256: String?
    /// What is wrong with it, or will be.
    var warnings: [String]?
    var served: [Served] = []
  }

  struct Served: Encodable {
    let listener: String
    /// current, other, undecided or unreachable.
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
  /// Files besides certificates that cannot be used.
  var problems: [String] = []
  var deploys: [Deploy] = []

  /// Whether everything is served as it is stored, and nothing has failed.
  var isWell: Bool {
    problems.isEmpty && deploys.allSatisfy { $0.failures == 0 }
      && certificates.allSatisfy {
        $0.state == "stored" && $0.served.allSatisfy { ["current", "undecided"].contains($0.state) }
      }
  }
}

extension ServiceStatus {
  /// Looks at the store, and at the listeners of the configuration where there is one.
  static func take(_ options: ConfigurationOptions) async throws(SetupError) -> ServiceStatus {
    let source = options.source()
    var configuration: Configuration?
    if case .file = source { configuration = try source.read().configuration }
    if !options.domain.isEmpty || !options.ip.isEmpty { configuration = try source.read().configuration }
    let store = try StoreLocation.openPresent(options.store ?? configuration?.store) {
      Output.error("certd: store: \($0)")
    }
    var status = ServiceStatus()
    status.problems =
      configuration.map {
        ProxySettings(configuration: $0, backends: BackendRegistry { _ in }).fileProblems()
      }
      ?? []
    let judge = CertificateJudge()
    let wanted = try wanted(configuration, store)
    let listeners = try configuration.map(ProofOfService.listeners) ?? []
    let world = try World()
    for (index, item) in wanted.enumerated() {
      let earlier = wanted[..<index]
      let name = ProofOfService.serverName(item.names) { name in
        !earlier.contains { $0.names.contains(name) && $0.leaf?.peerKey == item.leaf?.peerKey }
      }
      var places = listeners.map { ("\($0.address)", $0) }
      for (host, port) in item.targets {
        for address in (try? await ProofOfService.addresses(host, port)) ?? [] {
          places.append((DeployAction.proof(host: host, port: port).target ?? host, .init(address: address)))
        }
      }
      status.certificates.append(await certificate(item, name, places, world, judge))
    }
    if let store {
      do throws(StoreError) { status.deploys = try store.deploys(now: World.now()).map(Deploy.init) } catch {
        throw .other("\(error)")
      }
    }
    return status
  }

  /// A certificate, and where it should be served.
  private struct Wanted {
    let label: String
    /// What listeners are asked for; empty when it is not for our own.
    var names: [String] = []
    var leaf: PKI.Certificate?
    var chain: CertificateChain?
    /// Why it cannot be used.
    var failure: String?
    /// Servers that are to present it besides our own listeners.
    var targets: [(String, UInt16)] = []
  }

  /// Every certificate, in the order in which the daemon presents them.
  private static func wanted(
    _ configuration: Configuration?, _ store: CertStore?
  ) throws(SetupError) -> [Wanted] {
    var wanted: [Wanted] = []
    if let configuration {
      let files = Credentials.load(configuration)
      for file in files.credentials {
        wanted.append(Wanted(label: file.label, names: file.names, leaf: file.leaf, chain: file.pkiChain))
      }
      for one in files.broken { wanted.append(Wanted(label: one.file, failure: one.reason)) }
      for managed in try ManagedCertificates.list(configuration, covered: { files.cover($0, besides: store) })
      {
        let stored = store?.load(managed.name, now: World.now())
        let targets = managed.deploys.compactMap { action in
          if case .proof(let host, let port) = action { (host, port) } else { nil }
        }
        wanted.append(
          Wanted(
            label: managed.name.description, names: stored.flatMap(Credentials.credential)?.names ?? [],
            leaf: stored?.chain.leaf, chain: stored?.chain, targets: targets))
      }
    }
    for stored in store?.inventory(now: World.now()).certificates ?? []
    where !wanted.contains(where: { $0.label == stored.name.description }) {
      wanted.append(Wanted(label: stored.name.description, leaf: stored.chain.leaf))
    }
    return wanted
  }

  private static func certificate(
    _ item: Wanted, _ name: String?, _ places: [(label: String, ProofOfService.Place)], _ world: World,
    _ judge: CertificateJudge
  ) async -> Certificate {
    if let failure = item.failure {
      return Certificate(name: item.label, state: "broken", warnings: [failure])
    }
    guard let leaf = item.leaf else { return Certificate(name: item.label, state: "missing") }
    var certificate = Certificate(
      name: item.label, state: leaf.notAfter < World.now() ? "expired" : "stored")
    certificate.notAfter = leaf.notAfter.description
    certificate.key = leaf.keyTypeDescription
    certificate.sha256 = Hex.encode(leaf.sha256)
    let findings = item.chain.map { judge.findings($0, now: World.now()) } ?? []
    if !findings.isEmpty { certificate.warnings = findings.map(\.description) }
    guard let name else { return certificate }
    for (label, place) in places {
      let finding = await ProofOfService(world: world).look(name, leaf, at: place)
      certificate.served.append(Served(label, finding, leaf))
    }
    return certificate
  }
}

extension ServiceStatus.Served {
  init(_ listener: String, _ finding: ProofOfService.Finding, _ leaf: PKI.Certificate) {
    func made(_ state: String, _ presented: PKI.Certificate?, _ error: String? = nil) -> Self {
      Self(
        listener: listener, state: state, sha256: presented.map { Hex.encode($0.sha256) },
        notAfter: presented?.notAfter.description, error: error)
    }
    switch finding {
    case .current: self = made("current", leaf)
    case .undecided: self = made("undecided", nil, "an address cannot be asked for by name")
    case .other(let other): self = made("other", other)
    case .absent(let why), .unreachable(let why): self = made("unreachable", nil, why)
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
