import HTTP
import OS
import Proxy
import Telemetry
import TestSupport
import TestPeers
import TestRun
import Testing
import Upstream

@Suite("Routes and backends", .ownThread) struct RoutingTests {
  @Test("The most specific host wins, then the longest path")
  func routes() async throws {
    let names = ["exact", "exact-v1", "exact-models", "wild", "any", "any-v1"]
    let backends = try names.map { name in
      try Backend { wire in
        while wire.readHead().hasSuffix("\r\n\r\n") {
          wire.write("HTTP/1.1 200 OK\r\nContent-Length: \(name.utf8.count)\r\n\r\n\(name)")
        }
      }
    }
    let settings = Settings.bare([]) { settings in
      settings.services = zip(names, backends).map { .init(name: $0, backends: [$1.target]) }
      settings.routes = [
        .init(hosts: [], paths: [.prefix("/v1/")], service: 5),
        .init(hosts: [], paths: [.exact("/any")], service: 4),
        .init(hosts: ["*.x.test"], paths: [], service: 3),
        .init(hosts: ["a.x.test", "b.test"], paths: [.prefix("/")], service: 0),
        .init(hosts: ["a.x.test"], paths: [.prefix("/v1/")], service: 1),
        .init(hosts: ["a.x.test"], paths: [.exact("/v1/models")], service: 2),
      ]
    }
    let rows: [(String, String, String)] = [
      ("a.x.test", "/", "exact"), ("A.X.Test:99", "/v1", "exact"), ("a.x.test.", "/v1/", "exact-v1"),
      ("a.x.test", "/v1/models", "exact-models"), ("a.x.test", "/v1/models?x=/v2", "exact-models"),
      ("a.x.test", "/v1/models/", "exact-v1"), ("a.x.test", "/V1/", "exact"), ("c.x.test", "/v1/", "wild"),
      ("x.test", "/any", "any"), ("c.d.x.test", "/v1/x", "any-v1"), ("b.test", "/v1/x", "exact"),
      ("other", "/v1/?", "any-v1"), ("[::1]:80", "/any", "any"),
    ]
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      for (host, path, expected) in rows {
        client.write("GET \(path) HTTP/1.1\r\nHost: \(host)\r\n\r\n")
        #expect(client.readAnswer().body == expected, "\(host)\(path)")
      }
      client.write("GET /none HTTP/1.1\r\nHost: other\r\n\r\n")
      let answer = client.readAnswer()
      #expect(answer.status == 404)
      #expect(
        answer.body
          == #"{"error":{"message":"no route for this host and path","type":"invalid_request_error","#
          + #""param":null,"code":"no_route"}}"# + "\n")
    }
    for backend in backends { _ = backend.finish() }
  }

  @Test(
    "A path takes the route of what it means, and reaches the backend as it came",
    arguments: [
      "/admin/x", "/%61dmin/x", "/./admin/x", "//admin/x", "/v1/../admin/x?q=/../v1", "/v1/%2e%2e/admin/x",
    ])
  func meaning(_ target: String) async throws {
    let (admin, other) = (try Backend { answerProbe($0) }, try Backend { answerProbe($0) })
    var settings = Settings.bare(other.target)
    settings.services.append(.init(name: "admin", backends: [admin.target]))
    settings.routes.append(.init(hosts: [], paths: [.prefix("/admin/")], service: 1))
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write("GET \(target) HTTP/1.1\r\nHost: h\r\n\r\n")
      #expect(client.readAnswer().status == 200)
    }
    #expect(admin.finish().joined().hasPrefix("GET \(target) HTTP/1.1\r\n"))
    #expect(other.finish().joined().isEmpty)
  }

  @Test("A redirecting listener keeps host, path and query, after it has answered a challenge")
  func redirect() async throws {
    let settings = Settings.bare([]) { settings in
      settings.listeners = [
        .loopback(1, nil, redirectPort: 443), .loopback(2, nil, redirectPort: 8443), .loopback(3, nil),
      ]
      settings.routes = []
    }
    try await Edge.serve(settings, challenge: { $0 == "token" ? Array("token.key".utf8) : nil }) { edge in
      for (listener, port) in [(0, ""), (1, ":8443")] {
        let client = try edge.connect(listener)
        client.write("POST /a/b?c=d&e HTTP/1.1\r\nHost: h.test:80\r\nContent-Length: 0\r\n\r\n")
        let answer = client.readAnswer()
        #expect(answer.status == 308)
        #expect(answer.field("Location") == "https://h.test\(port)/a/b?c=d&e")
        client.write("GET http://o.test HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(client.readAnswer().field("Location") == "https://o.test\(port)/")
      }
      for listener in 0..<3 {
        let client = try edge.connect(listener)
        client.write("GET /.well-known/acme-challenge/token HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(client.readAnswer().body == "token.key")
        client.write("GET /.well-known/acme-challenge/other HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(client.readAnswer().status == (listener == 2 ? 404 : 308))
      }
    }
  }

  @Test(
    "A backend that refuses is passed over, whatever the method; when all refuse the answer is 503 at once")
  func refusing() async throws {
    let good = try Backend { answerProbe($0) }
    let dead = try (0..<2).map { _ in try Settings.Backend.refusing() }
    try await Edge.serve(.bare(dead + [good.target])) { edge in
      let client = try edge.connect()
      for _ in 0..<6 {
        client.write("POST / HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(client.readAnswer().body == "probe")
      }
      #expect((edge.proxy.counters[.upstreamConnectionsFailed] ?? 0) > 0)
    }
    _ = good.finish()
    try await Edge.serve(.bare(dead)) { edge in
      let client = try edge.connect()
      client.write(FramingCase.probe)
      let answer = client.readAnswer()
      #expect(answer.status == 503)
      #expect(answer.body.contains(#""message":"no backend of service 's' is available""#))
      #expect(edge.proxy.counters[.requestsWithoutBackend] == 1)
    }
  }

  @Test("No more backends are tried than the settings allow")
  func attempts() async throws {
    let good = try Backend { answerProbe($0) }
    let dead = try Settings.Backend.refusing()
    try await Edge.serve(.bare([dead, good.target]) { $0.services[0].rules.retries.attempts = 0 }) { edge in
      let client = try edge.connect()
      client.write(FramingCase.probe)
      #expect(client.readAnswer().status == 503)
      client.write(FramingCase.probe)
      #expect(client.readAnswer().status == 200)
    }
    _ = good.finish()
  }

  @Test("Unhealthy backends get nothing; health that changes counts from the next request on")
  func health() async throws {
    let sick = try Backend { answerProbe($0) }
    let target = Settings.Backend.at(sick.address, health: .unhealthy)
    try await Edge.serve(.bare(target)) { edge in
      let client = try edge.connect()
      client.write(FramingCase.probe)
      #expect(client.readAnswer().status == 503)
      target.status.health = .healthy
      client.write(FramingCase.probe)
      #expect(client.readAnswer().status == 200)
    }
    #expect(sick.finish() == [FramingCase.probe])
  }

  @Test("Least-request sends to the backend with the fewest under way")
  func leastRequest() async throws {
    let release = try Event()
    let arrived = try Event()
    let busy = try Backend { wire in
      _ = wire.readHead()
      arrived.signal()
      release.wait()
      wire.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbusy")
    }
    let free = try Backend { answerProbe($0) }
    try await Edge.serve(.bare(busy.target, free.target) { $0.services[0].rules.policy = .leastRequest }) {
      edge in
      let waiting = try edge.connect()
      waiting.write(FramingCase.probe)
      #expect(arrived.wait())
      let client = try edge.connect()
      for _ in 0..<5 {
        client.write(FramingCase.probe)
        #expect(client.readAnswer().body == "probe")
      }
      release.signal()
      #expect(waiting.readAnswer().body == "busy")
    }
    _ = busy.finish()
    _ = free.finish()
  }

  @Test("A request that its backend dropped unanswered goes to another one when it may be repeated")
  func dropped() async throws {
    let dropping = try Backend { wire in
      _ = wire.readHead()
      wire.reset()
    }
    let good = try Backend { answerProbe($0) }
    for (method, status, budget) in [("GET", 200, 20), ("POST", 502, 20)] {
      try await Edge.serve(
        .bare(dropping.target, good.target) { $0.services[0].rules.retries.budgetPercent = budget }
      ) { edge in
        let client = try edge.connect()
        client.write("\(method) / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
        #expect(client.readAnswer().status == status)
        #expect(edge.proxy.counters[.upstreamRetries] == (status == 200 ? 1 : 0))
      }
    }
    _ = dropping.finish()
    _ = good.finish()
  }

  @Test("Repeated requests stay within the retry budget")
  func budget() async throws {
    let dropping = try Backend { wire in
      _ = wire.readHead()
      wire.reset()
    }
    let more = try Backend { wire in
      _ = wire.readHead()
      wire.reset()
    }
    try await Edge.serve(
      .bare(dropping.target, more.target) { $0.services[0].rules.retries.budgetPercent = 0 }
    ) {
      edge in
      let client = try edge.connect()
      let before = Clock.monotonicNanoseconds()
      for _ in 0..<60 {
        client.write(FramingCase.probe)
        #expect(client.readAnswer().status == 502)
      }
      // A few are always allowed in each second.
      let seconds = (Clock.monotonicNanoseconds() - before) / 1_000_000_000 + 2
      let allowed = seconds * UInt64(RetryBudget.defaultMinimumPerSecond)
      #expect((edge.proxy.counters[.upstreamRetries] ?? 0) <= allowed)
    }
    _ = dropping.finish()
    _ = more.finish()
  }

  @Test("A backend gets no more connections than the settings allow", arguments: [1, 2])
  func maximumConnections(workers: Int) async throws {
    let release = try Event()
    let arrived = try Event()
    let backend = try Backend { wire in
      while wire.readHead().hasSuffix("\r\n\r\n") {
        arrived.signal()
        release.wait()
        wire.write("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
      }
    }
    let settings = Settings.bare(backend.target) { $0.services[0].rules.maxConnections = 2 }
    try await Edge.serve(settings, workers: workers) { edge in
      let held = try (0..<2).map { _ in try edge.connect() }
      for client in held {
        client.write(FramingCase.probe)
        #expect(arrived.wait())
      }
      let extra = try edge.connect()
      extra.write(FramingCase.probe)
      #expect(extra.readAnswer().status == 503)
      for _ in held { release.signal() }
      for client in held { #expect(client.readAnswer().status == 200) }
      release.signal()
      held[0].write(FramingCase.probe)
      #expect(held[0].readAnswer().status == 200)
    }
    #expect(backend.finish().count == 3)
  }

  @Test("Connections that other workers keep keep nobody out")
  func idleElsewhere() async throws {
    let backend = try Backend { answerProbe($0) }
    let settings = Settings.bare(backend.target) { $0.services[0].rules.maxConnections = 2 }
    try await Edge.serve(settings, workers: 4) { edge in
      for _ in 0..<60 {
        let client = try edge.connect()
        client.write(FramingCase.probe)
        #expect(client.readAnswer().status == 200)
        client.close()
      }
    }
    _ = backend.finish()
  }
}
