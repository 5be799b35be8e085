import Bytes
import FakeGoogle
import GCP
import HTTPClient
import OS
import PKI
import Synchronization
import Testing

/// A project for chains to be built in: our own stand-in, or another one behind a URL.
struct ChainLab {
  static let project = "demo-project"
  static let zone = "us-central1-a"
  let session: Session

  init(url: String, token: String) throws {
    var endpoints = Endpoints()
    endpoints.compute = url
    let clock = VirtualClock()
    let environment = Environment(
      now: { UnixTime(seconds: OS.Clock.wallSeconds()) }, uptime: { clock.seconds },
      sleep: { seconds in
        clock.advance(seconds)
        await Task.yield()
      }, random: { 0.5 }, randomBytes: { _ in Random.bytes(16) })
    let never = UnixTime(seconds: OS.Clock.wallSeconds() + 1_000_000)
    let tokens = TokenCache(FixedToken(AccessToken(token, expires: never)), now: environment.now)
    session = Session(
      project: Self.project, endpoints: endpoints, tokens: tokens,
      transport: ClientTransport(try HTTPClient(environment: [:], idleMilliseconds: 3_600_000)),
      environment: environment)
  }

  init(_ google: FakeGoogle) throws { try self.init(url: google.url, token: google.token()) }

  /// Reads, plans and, when it is not empty, applies; the plan.
  @discardableResult
  func apply(_ settings: ChainSettings, adopts: Bool = false) async throws -> ChainPlan {
    let applier = ChainApplier(session, settings)
    let plan = try await applier.plan(adopts: adopts)
    if !plan.isEmpty { try await applier.apply(plan, adopts: adopts) }
    return plan
  }

  func plan(_ settings: ChainSettings, adopts: Bool = false) async throws -> ChainPlan {
    try await ChainApplier(session, settings).plan(adopts: adopts)
  }
}

/// Time that passes only when somebody sleeps.
final class VirtualClock: Sendable {
  private let now = Mutex(0.0)
  var seconds: Double { now.withLock { $0 } }
  func advance(_ seconds: Double) { now.withLock { $0 += seconds } }
}

/// Some bytes, not to be guessed.
enum Random {
  static func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255) } }
}

extension ChainSettings {
  /// The chain of most tests; each changes what matters to it.
  static func example(_ change: (inout ChainSettings) -> Void = { _ in }) -> ChainSettings {
    var settings = ChainSettings(
      name: "edge", kind: .https, address: "edge-ip", redirects: true,
      certificates: [ResourceLink("global/sslCertificates/cert-a", project: ChainLab.project)],
      routes: [
        ChainRoute(hosts: ["llm.example.com"], paths: ["/v1/*"], service: "chat"),
        ChainRoute(hosts: ["llm.example.com"], paths: ["/*"], service: "site"),
      ],
      services: [.chat, .site])
    change(&settings)
    return settings
  }
}

extension ChainService {
  /// Two model servers, in a group of our own in one zone.
  static let chat = ChainService(
    name: "chat", wire: .http, timeoutSeconds: 1200, localityPolicy: "LEAST_REQUEST",
    groups: [
      ChainGroup(
        .made(
          ChainEndpoints(
            kind: .privateAddress, zone: ChainLab.zone,
            network: ResourceLink("global/networks/default", project: ChainLab.project),
            endpoints: [.init(address: "10.0.0.11", port: 8000), .init(address: "10.0.0.12", port: 8000)])),
        .ratePerEndpoint(100))
    ],
    health: ChainHealth(probe: .get(wire: .http, path: "/health", response: ""), unhealthyThreshold: 3))

  /// A web server in an instance group that is there.
  static let site = ChainService(
    name: "site", wire: .https, timeoutSeconds: 60,
    groups: [
      ChainGroup(
        .existing(
          ResourceLink("zones/\(ChainLab.zone)/instanceGroups/web", project: ChainLab.project)),
        .utilization(0.8))
    ],
    health: ChainHealth(probe: .tcp), portName: "https")

  /// Anything behind TLS.
  static let raw = ChainService(
    name: "raw", wire: .tcp, timeoutSeconds: 3600,
    groups: [ChainService.chat.groups[0]].map {
      ChainGroup($0.place, .connectionsPerEndpoint(1000))
    }, health: ChainHealth(probe: .tcp))
}

extension FakeGoogle {
  /// What the chain of the tests finds: an instance group and a certificate.
  func furnish() throws {
    try seed("zones/\(ChainLab.zone)/instanceGroups", ["name": "web"])
    for name in ["cert-a", "cert-b"] {
      let domains: JSON = ["domains": ["\(name).example.com"]]
      try seed("global/sslCertificates", ["name": .string(name), "type": "MANAGED", "managed": domains])
      tamper("global/sslCertificates/\(name)") { $0["managed"]?["status"] = "ACTIVE" }
    }
  }
}

/// What a chain has, without what differs from run to run.
func essence(_ google: FakeGoogle) -> [String: JSON] {
  var all: [String: JSON] = [:]
  for path in google.paths() {
    guard var resource = google[path] else { continue }
    for member in ["id", "fingerprint", "labelFingerprint", "IPAddress", "address", "creationTimestamp"] {
      resource[member] = nil
    }
    resource["endpoints"] = .list(google.endpoints(path).sorted { $0.text < $1.text })
    all[path] = resource
  }
  return all
}
