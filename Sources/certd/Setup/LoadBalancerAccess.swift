import GCP
import OS
import PKI

/// How Google's interfaces are reached by the environment's variables.
enum LoadBalancerAccess {
  /// The largest file with credentials, in bytes.
  static let maximumFileBytes = 1 << 20

  /// A session of a project with the credentials that are found in Google's order.
  static func session(
    _ project: String, _ world: World, retrying: @escaping @Sendable (String) -> Void
  ) async throws(SetupError) -> Session {
    let variables = Subprocess.inheritedEnvironment()
    var environment = GCP.Environment(
      now: { World.now() }, uptime: { Double(OS.Clock.monotonicNanoseconds()) / 1e9 },
      sleep: { try await World.sleep(seconds: $0) }, random: { World.random() },
      randomBytes: { PKI.Random.bytes($0) })
    environment.retrying = { failure, after in
      retrying("\(failure); trying again in \(Int(after.rounded(.up))) s")
    }
    var endpoints = Endpoints()
    endpoints.compute = variables["CERTD_GCP_COMPUTE_ENDPOINT"] ?? endpoints.compute
    endpoints.certificateManager =
      variables["CERTD_GCP_CERTIFICATEMANAGER_ENDPOINT"] ?? endpoints.certificateManager
    endpoints.token = variables["CERTD_GCP_TOKEN_ENDPOINT"]
    let transport = GCP.ClientTransport(world.client)
    let credentials = GCP.Credentials(
      file: nil, variables: variables, tokenEndpoint: endpoints.token,
      read: { try? FileSystem().read($0, limitInBytes: maximumFileBytes, followingLinks: true) },
      transport: transport, environment: environment)
    do throws(GCPError) {
      let source = try await credentials.source()
      return Session(
        project: project, endpoints: endpoints, tokens: TokenCache(source, now: environment.now),
        transport: transport, environment: environment, userAgent: "certd/\(Version.text)")
    } catch { throw .other("\(error)") }
  }
}
