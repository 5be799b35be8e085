import Bytes
import GCP
import HTTPClient
import JSON
import OS
import PKI
import Testing

/// The story of one target, told to whatever answers as Google: made, pushed to, renewed, tidied up.
struct LiveStory: Sendable {
  let session: Session
  let maker: Maker
  /// What the names of everything begin with, so that two runs do not meet.
  let mark: String

  init(_ session: Session) throws {
    self.session = session
    maker = try Maker()
    mark = "certd-test-\(Hex.encode(Random.bytes(3)))"
  }

  /// A session over the network and with the real clock; waits may be shortened where nobody minds.
  static func session(
    project: String, endpoints: Endpoints, credentials file: String?, variables: [String: String] = [:],
    pace: Double = 1
  ) async throws -> Session {
    let environment = GCP.Environment(
      now: { UnixTime(seconds: Clock.wallSeconds()) },
      uptime: { Double(Clock.monotonicNanoseconds()) / 1e9 },
      sleep: { try await Task.sleep(for: .milliseconds(Int64($0 * pace * 1000))) },
      random: { Double.random(in: 0..<1) }, randomBytes: { Random.bytes($0) })
    let transport = ClientTransport(try HTTPClient(environment: [:]))
    let source = try await Credentials(
      file: file, variables: variables,
      read: { try? FileSystem().read($0, limitInBytes: 1 << 20, followingLinks: true) }, transport: transport,
      environment: environment
    ).source()
    return Session(
      project: project, endpoints: endpoints, tokens: TokenCache(source, now: environment.now),
      transport: transport, environment: environment)
  }

  enum Way: String, CaseIterable, Sendable { case https, ssl, regional, map }

  private func scope(_ way: Way, _ region: String) -> Scope { way == .regional ? .region(region) : .global }

  func target(_ way: Way, _ names: [String], region: String) -> Target {
    Target(
      kind: way == .ssl ? .sslProxy : .httpsProxy, name: "\(mark)-proxy", scope: scope(way, region),
      route: way == .map ? .certificateManager : .classic, certificates: names)
  }

  /// Makes the chain with somebody else's certificate on its proxy.
  func seed(_ way: Way, region: String) async throws -> [Path] {
    let scope = scope(way, region)
    let path = { (collection: String) in session.path(scope, collection) }
    var made: [Path] = []
    func make(_ collection: String, _ name: String, _ members: JSONValue) async throws {
      var resource = members
      resource["name"] = .string("\(mark)-\(name)")
      try await session.insert(path(collection), resource)
      made.insert(path(collection).appending("\(mark)-\(name)"), at: 0)
    }
    func reference(_ collection: String, _ name: String) -> JSONValue {
      .string(path(collection).appending("\(mark)-\(name)").text)
    }
    try await make(
      "healthChecks", "hc",
      way == .ssl
        ? ["type": "TCP", "tcpHealthCheck": ["port": 80]] : ["type": "HTTP", "httpHealthCheck": ["port": 80]])
    try await make(
      "backendServices", "bs",
      [
        "healthChecks": [reference("healthChecks", "hc")], "protocol": way == .ssl ? "SSL" : "HTTP",
        "loadBalancingScheme": way == .ssl ? "EXTERNAL" : "EXTERNAL_MANAGED",
      ])
    let theirs = try maker.deployment("llm.example.com", "old.example.com")
    try await make(
      "sslCertificates", "theirs",
      [
        "certificate": .string(String(decoding: theirs.chain.pem, as: UTF8.self)),
        "privateKey": .string(String(decoding: try theirs.key.pem(), as: UTF8.self)),
      ])
    let certificates: JSONValue = [reference("sslCertificates", "theirs")]
    if way == .ssl {
      try await make(
        "targetSslProxies", "proxy",
        ["service": reference("backendServices", "bs"), "sslCertificates": certificates])
    } else {
      try await make("urlMaps", "um", ["defaultService": reference("backendServices", "bs")])
      try await make(
        "targetHttpsProxies", "proxy",
        ["urlMap": reference("urlMaps", "um"), "sslCertificates": certificates])
    }
    return made
  }

  /// Tells the whole story of one way, and removes everything whatever happens.
  func tell(_ way: Way, region: String = "us-central1") async throws {
    let name = "\(mark).example.com"
    let target = target(way, [name], region: region)
    let pusher = Pusher(session: session, prefix: "certd")
    var made: [Path] = []
    do {
      made = try await seed(way, region: region)
      let names = [name, "llm.example.com", "old.example.com"]
      for round in 0..<3 {
        let next = try maker.deployment(named: names, called: name)
        let request = Pusher.Request(targets: [target], deployments: [next])
        let report = await pusher.push(request)
        #expect(!report.hasFailed, "\(round): \(report.targets.compactMap(\.failure))")
        #expect(report.removed.count == (way == .map || round == 0 ? 0 : 1))
        let again = await pusher.push(request)
        guard case .unchanged = again.targets.first?.outcome else {
          Issue.record("\(again)")
          continue
        }
        let status = try #require(await Inspector(pusher).status(request).first)
        #expect(status.attached.contains { $0.isCurrent == true }, "\(status)")
      }
    } catch { Issue.record(error) }
    await remove(target, made)
  }

  private func remove(_ target: Target, _ made: [Path]) async {
    for path in made where path.text.contains("/target") {
      await attempt { try await session.delete(path) }
    }
    let pusher = Pusher(session: session)
    await attempt {
      let orphans = try await Pruner(pusher).orphans(
        .init(
          targets: [
            Target(
              kind: target.kind, name: "none", scope: target.scope, route: target.route,
              certificates: ["none"])
          ], deployments: []))
      let ours = orphans.filter { $0.name.hasPrefix(mark) }
      #expect(!ours.isEmpty)
      for (orphan, failure) in await Pruner(pusher).remove(ours) where failure != nil {
        Issue.record("\(orphan.description): \(String(describing: failure))")
      }
    }
    for path in made where !path.text.contains("/target") {
      await attempt { try await session.delete(path) }
    }
  }

  private func attempt(_ body: () async throws -> Void) async {
    do { try await body() } catch { Issue.record(error) }
  }
}
