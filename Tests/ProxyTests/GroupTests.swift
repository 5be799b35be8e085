import Proxy
import Telemetry
import TestPeers
import TestRun
import TestSupport
import Testing
import Upstream

@Suite("Groups of backends", .ownThread) struct GroupTests {
  /// A server that answers with its name.
  private static func server(_ name: String) throws -> Backend {
    try Backend { wire in
      while wire.readHead().hasSuffix("\r\n\r\n") {
        wire.write("HTTP/1.1 200 OK\r\nContent-Length: \(name.utf8.count)\r\n\r\n\(name)")
      }
    }
  }

  /// Backends by the group that they stand in, and what the groups are.
  private static func settings(
    _ backends: [(Settings.Backend, group: Int)], _ groups: [Settings.Group],
    _ edit: (inout Settings.Service) -> Void = { _ in }
  ) -> Settings {
    .bare(
      backends.map { backend, group in
        var backend = backend
        backend.group = group
        return backend
      }
    ) { settings in
      settings.services[0].groups = groups
      edit(&settings.services[0])
    }
  }

  private static func bodies(_ edge: Edge, _ count: Int, path: String = "/") throws -> [String] {
    let client = try edge.connect()
    return (0..<count).map { _ in
      client.write("GET \(path) HTTP/1.1\r\nHost: h\r\n\r\n")
      return client.readAnswer().body
    }
  }

  @Test("a better group has every request until too few of it are healthy, and the next one the rest")
  func failover() async throws {
    let servers = try ["a", "b", "c"].map(Self.server)
    let targets = servers.map(\.target)
    let settings = Self.settings(
      [(targets[0], 0), (targets[1], 0), (targets[2], 1)], [.init(priority: 0), .init(priority: 1)])
    try await Edge.serve(settings) { edge in
      try #expect(Set(Self.bodies(edge, 20)) == ["a", "b"])
      targets[0].status.health = .unhealthy
      // Half of the better group can bear 70 of 100.
      let half = try Self.bodies(edge, 100)
      #expect((69...71).contains(half.filter { $0 == "b" }.count) && !half.contains("a"))
      targets[1].status.health = .unhealthy
      try #expect(Set(Self.bodies(edge, 20)) == ["c"])
      targets[0].status.health = .healthy
      targets[1].status.health = .healthy
      let well = try Self.bodies(edge, 20)
      #expect(!well.contains("c"))
    }
    for server in servers { _ = server.finish() }
  }

  @Test("a group whose backends are gone is left for the next one, request by request, and nobody notices")
  func killed() async throws {
    let server = try Self.server("second")
    let settings = Self.settings(
      [(try .refusing(), 0), (try .refusing(), 0), (server.target, 1)],
      [.init(priority: 0), .init(priority: 1)]
    ) { service in
      service.rules.retries.attempts = 2
      service.rules.outlierDetection = OutlierDetection(consecutiveGatewayErrors: 1)
      service.rules.outlierDetection.maxEjectionPercent = 100
    }
    try await Edge.serve(settings) { edge in
      try #expect(Set(Self.bodies(edge, 20)) == ["second"])
      #expect(edge.proxy.counters[.upstreamConnectionsFailed] == 2)
    }
    _ = server.finish()
  }

  @Test(
    "when too few are healthy anywhere, all of a group are asked, but none that an operator has taken out")
  func panic() async throws {
    let servers = try ["a", "b", "c"].map(Self.server)
    let targets = servers.map(\.target)
    for target in targets { target.status.health = .unhealthy }
    targets[2].status.isDrained = true
    let settings = Self.settings(targets.map { ($0, 0) }, [.init()])
    try await Edge.serve(settings) { edge in try #expect(Set(Self.bodies(edge, 20)) == ["a", "b"]) }
    let never = Self.settings(targets.map { ($0, 0) }, [.init()]) { $0.rules.groupRule.panicThreshold = 0 }
    try await Edge.serve(never) { edge in
      let client = try edge.connect()
      client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
      #expect(client.readAnswer().head.hasPrefix("HTTP/1.1 503"))
    }
    for server in servers { _ = server.finish() }
  }

  @Test("groups of this node's zone come first, and weights share within a priority")
  func zones() async throws {
    let servers = try ["here", "there", "far"].map(Self.server)
    let targets = servers.map(\.target)
    let settings = Self.settings(
      [(targets[0], 1), (targets[1], 0), (targets[2], 2)],
      [.init(weight: 3, isElsewhere: true), .init(), .init(isElsewhere: true)])
    try await Edge.serve(settings) { edge in
      try #expect(Set(Self.bodies(edge, 20)) == ["here"])
      targets[0].status.health = .unhealthy
      let others = try Self.bodies(edge, 100)
      #expect((74...76).contains(others.filter { $0 == "there" }.count))
      #expect((24...26).contains(others.filter { $0 == "far" }.count))
    }
    for server in servers { _ = server.finish() }
  }

  @Test("what a better group has no room for goes to the next one, and waits only when that is full as well")
  func spills() async throws {
    let gate = try Event()
    let busy = try Backend { wire in
      while wire.readHead().hasSuffix("\r\n\r\n") {
        gate.wait()
        wire.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst")
      }
    }
    let other = try Self.server("second")
    let target = busy.target
    let settings = Self.settings(
      [(target, 0), (other.target, 1)], [.init(priority: 0), .init(priority: 1)]
    ) { $0.rules.maxRequestsPerBackend = 1 }
    try await Edge.serve(settings) { edge in
      let first = try edge.connect()
      first.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
      while target.status.inFlight == 0 { await Task.yield() }
      try #expect(Self.bodies(edge, 3) == ["second", "second", "second"])
      gate.signal()
      gate.signal()
      #expect(first.readAnswer().body == "first")
      while target.status.inFlight != 0 { await Task.yield() }
      try #expect(Self.bodies(edge, 1) == ["first"])
    }
    for server in [busy, other] { _ = server.finish() }
  }
}
