import Bytes
import FakeGoogle
import GCP
import HTTPClient
import OS
import PKI
import Synchronization

/// A clock that waits for nobody: a sleep moves it forward at once.
final class FastClock: Sendable {
  private let seconds = Mutex(0.0)
  private let slept = Mutex<[Double]>([])

  var uptime: Double { seconds.withLock { $0 } }
  var sleeps: [Double] { slept.withLock { $0 } }

  func sleep(_ duration: Double) async throws {
    seconds.withLock { $0 += duration }
    slept.withLock { $0.append(duration) }
    try Task.checkCancellation()
    await Task.yield()
  }

  var environment: GCP.Environment {
    GCP.Environment(
      now: { UnixTime(seconds: Clock.wallSeconds()) }, uptime: { self.uptime },
      sleep: { try await self.sleep($0) }, random: { Double.random(in: 0..<1) },
      randomBytes: { Random.bytes($0) })
  }
}

/// The stand-in, a session with it, and what a test says about it.
struct Bench: Sendable {
  let google: FakeGoogle
  let clock = FastClock()
  let client: HTTPClient
  let maker: Maker

  static let project = "demo-project"

  init(_ settings: FakeGoogle.Settings = FakeGoogle.Settings()) throws {
    google = try FakeGoogle(settings)
    client = try HTTPClient(environment: [:])
    maker = try Maker()
  }

  var endpoints: Endpoints {
    var endpoints = Endpoints()
    endpoints.compute = google.url
    endpoints.certificateManager = google.url
    endpoints.publicCA = google.url
    endpoints.dns = google.url
    return endpoints
  }

  /// A new session, as a new run of the program has it. `limits` may end a run's patience early.
  func session(_ limits: Limits = Limits(), installation: String? = nil) -> Session {
    let token = AccessToken(google.token(), expires: UnixTime(seconds: .max / 2))
    return Session(
      project: Self.project, endpoints: endpoints,
      tokens: TokenCache(FixedToken(token), now: clock.environment.now),
      transport: ClientTransport(client), environment: clock.environment, limits: limits,
      installation: installation)
  }

  /// Gives up at the first cut connection: what a killed run leaves behind.
  static var impatient: Limits {
    var limits = Limits()
    limits.tries = 1
    return limits
  }

  // MARK: What there is before

  /// A chain of resources with proxies on it: the certificates given must be there already.
  func chain() throws {
    try google.seed(
      "global/healthChecks", ["name": "hc", "type": "HTTP", "httpHealthCheck": ["requestPath": "/"]])
    for (name, scheme) in [("bs", "HTTP"), ("tcp", "SSL")] {
      try google.seed(
        "global/backendServices",
        ["name": .string(name), "healthChecks": ["global/healthChecks/hc"], "protocol": .string(scheme)])
    }
    try google.seed("global/urlMaps", ["name": "um", "defaultService": "global/backendServices/bs"])
  }

  func regionalChain() throws {
    let at = "regions/us-central1"
    try google.seed(
      "\(at)/healthChecks", ["name": "hc", "type": "HTTP", "httpHealthCheck": ["requestPath": "/"]])
    try google.seed(
      "\(at)/backendServices",
      [
        "name": "bs", "healthChecks": [.string("\(at)/healthChecks/hc")], "protocol": "HTTP",
        "loadBalancingScheme": "EXTERNAL_MANAGED",
      ])
    try google.seed("\(at)/urlMaps", ["name": "um", "defaultService": .string("\(at)/backendServices/bs")])
  }

  func certificate(
    _ name: String, _ deployment: Deployment, at scope: String = "global", description: String? = nil
  )
    throws
  {
    var body: JSON = [
      "name": .string(name), "certificate": .string(String(decoding: deployment.chain.pem, as: UTF8.self)),
      "privateKey": .string(String(decoding: try deployment.key.pem(), as: UTF8.self)),
    ]
    if let description { body["description"] = .string(description) }
    try google.seed("\(scope)/sslCertificates", body)
  }

  func httpsProxy(_ name: String, _ certificates: [String], at scope: String = "global") throws {
    try google.seed(
      "\(scope)/targetHttpsProxies",
      [
        "name": .string(name), "urlMap": .string("\(scope)/urlMaps/um"),
        "sslCertificates": .list(certificates.map { .string("\(scope)/sslCertificates/\($0)") }),
      ])
  }

  func sslProxy(_ name: String, _ certificates: [String]) throws {
    try google.seed(
      "global/targetSslProxies",
      [
        "name": .string(name), "service": "global/backendServices/tcp",
        "sslCertificates": .list(certificates.map { .string("global/sslCertificates/\($0)") }),
      ])
  }

  // MARK: What there is afterwards

  /// The names of a proxy's certificates, in order.
  func attached(_ path: String) -> [String] {
    (google[path]?["sslCertificates"]?.items ?? []).compactMap {
      $0.string?.split(separator: "/").last.map(String.init)
    }
  }

  /// The API calls so far without the looks at operations.
  var calls: [FakeGoogle.Call] { google.journal.filter { $0.isAPI && !$0.path.contains("/operations/") } }
}

extension Deployment {
  /// The name that its resource has.
  var resource: String {
    let digits = Hex.encode(chain.leaf.sha256).prefix(16)
    return "certd-\(name.replacing(".", with: "-"))-\(digits)"
  }
}
