import Proxy
import TestPeers
import TestRun
import TestSupport
import Testing
import Upstream

@Suite("Clients that stay at a backend", .ownThread) struct StayingTests {
  private static func server(_ name: String) throws -> Backend {
    try Backend { wire in
      while wire.readHead().hasSuffix("\r\n\r\n") {
        wire.write("HTTP/1.1 200 OK\r\nContent-Length: \(name.utf8.count)\r\n\r\n\(name)")
      }
    }
  }

  private static func settings(
    _ targets: [Settings.Backend], _ affinity: Settings.Affinity
  ) -> Settings {
    .bare(targets) { settings in
      settings.affinitySecret = .init(Array(repeating: 7, count: 32))
      settings.services[0].rules.affinity = affinity
    }
  }

  private static func ask(_ client: Wire, _ field: String = "") -> Answer {
    client.write("GET / HTTP/1.1\r\nHost: h\r\n\(field)\r\n")
    return client.readAnswer()
  }

  @Test(
    "a cookie is set once, names no backend, and leads back until the backend is taken out; then a new one is set"
  )
  func cookie() async throws {
    let servers = try ["a", "b", "c"].map(Self.server)
    let targets = servers.map(\.target)
    var affinity = Settings.Affinity(.cookie(name: "stay"))
    (affinity.seconds, affinity.path) = (3600, "/chat")
    try await Edge.serve(Self.settings(targets, affinity), workers: 2) { edge in
      let first = Self.ask(try edge.connect())
      let set = try #require(first.field("Set-Cookie"))
      #expect(
        set.hasPrefix("stay=") && set.hasSuffix("; Path=/chat; Max-Age=3600; HttpOnly; Secure; SameSite=Lax"))
      let pair = String(set.prefix { $0 != ";" })
      #expect(pair.count == "stay=".count + 32 && !targets.contains { pair.contains($0.key) })
      for _ in 0..<9 {
        let again = Self.ask(try edge.connect(), "Cookie: other=1; \(pair)\r\n")
        #expect(again.body == first.body && again.field("Set-Cookie") == nil)
      }
      let place = try #require(["a", "b", "c"].firstIndex(of: first.body))
      targets[place].status.isDrained = true
      let moved = Self.ask(try edge.connect(), "Cookie: \(pair)\r\n")
      #expect(moved.body != first.body && moved.field("Set-Cookie")?.hasPrefix("stay=") == true)
      let forged = Self.ask(try edge.connect(), "Cookie: stay=00000000000000000000000000000000\r\n")
      #expect(forged.status == 200 && forged.field("Set-Cookie") != nil)
    }
    for server in servers { _ = server.finish() }
  }

  @Test("a field, a key or an address leads to one backend each, others to others, and nothing is set")
  func others() async throws {
    let servers = try ["a", "b", "c"].map(Self.server)
    let targets = servers.map(\.target)
    let forms: [(Settings.Affinity.Source, (Int) -> String, Int)] = [
      (.header("X-User"), { "X-User: \($0)\r\n" }, 3), (.key, { "Authorization: Bearer \($0)\r\n" }, 3),
      (.address, { _ in "" }, 1),
    ]
    for (source, field, expected) in forms {
      try await Edge.serve(Self.settings(targets, .init(source))) { edge in
        let client = try edge.connect()
        var met: Set<String> = []
        for user in 0..<30 {
          let bodies = Set((0..<3).map { _ in Self.ask(client, field(user)).body })
          #expect(bodies.count == 1, "\(source)")
          met.formUnion(bodies)
        }
        #expect(met.count == expected, "\(source)")
        let user = Self.ask(client, field(1))
        #expect(user.field("Set-Cookie") == nil)
        let place = try #require(["a", "b", "c"].firstIndex(of: user.body))
        targets[place].status.health = .unhealthy
        #expect(Self.ask(client, field(1)).body != user.body)
        targets[place].status.health = .healthy
        #expect(Self.ask(client, field(1)).body == user.body)
      }
    }
    for server in servers { _ = server.finish() }
  }
}
