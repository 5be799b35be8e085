import HTTP
import Proxy
import Telemetry
import TestSupport
import TestPeers
import TestRun
import Testing
import Upstream

@Suite("Passive health of backends", .ownThread) struct OutlierTests {
  /// A server that gives every request the same answer.
  private static func server(_ answer: String) throws -> Backend {
    try Backend { wire in
      while wire.readHead().hasSuffix("\r\n\r\n") { wire.write(answer) }
    }
  }

  private static let good = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"
  private static let bad = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\n\r\nbad"

  /// What a client gets that asks so often, one after the other.
  private static func bodies(_ backends: [Backend], failures: Int, requests: Int) async throws -> [String] {
    let settings = Settings.bare([]) { settings in
      var service = Settings.Service(name: "s", backends: backends.map(\.target))
      service.rules.policy = .roundRobin
      service.rules.retries.attempts = 0
      service.rules.outlierDetection = OutlierDetection(consecutiveGatewayErrors: failures)
      settings.services = [service]
      settings.routes = [.init(hosts: [], paths: [], service: 0)]
    }
    var bodies: [String] = []
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      for _ in 0..<requests {
        client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        bodies.append(client.readAnswer().body)
      }
    }
    for backend in backends { _ = backend.finish() }
    return bodies
  }

  @Test("a backend that answers 503 three times in a row gets no more requests")
  func ejected() async throws {
    let backends = [try Self.server(Self.bad), try Self.server(Self.good)]
    let bodies = try await Self.bodies(backends, failures: 3, requests: 12)
    #expect(bodies.filter { $0 == "bad" }.count == 3)
    #expect(bodies.suffix(6).allSatisfy { $0 == "good" })
  }

  @Test("the only backend goes on being asked, however often it fails")
  func onlyOne() async throws {
    let bodies = try await Self.bodies([Self.server(Self.bad)], failures: 2, requests: 6)
    #expect(bodies == Array(repeating: "bad", count: 6))
  }

  @Test("without the rule a failing backend keeps its turn")
  func off() async throws {
    let backends = [try Self.server(Self.bad), try Self.server(Self.good)]
    let bodies = try await Self.bodies(backends, failures: 0, requests: 12)
    #expect(bodies.filter { $0 == "bad" }.count == 6)
  }

  @Test("a model that refuses prompts with 400 or 500 is in health")
  func refusals() async throws {
    let refusing = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 3\r\n\r\nbad"
    let backends = [try Self.server(refusing), try Self.server(Self.good)]
    let bodies = try await Self.bodies(backends, failures: 2, requests: 8)
    #expect(bodies.filter { $0 == "bad" }.count == 4)
  }

  /// Asks until a backend is ejected, or so often; what the proxy has reported of it, and what it has counted.
  private static func ejection(
    _ backends: [Backend], requests: Int = 2000, _ rule: OutlierDetection, _ counter: Counter
  ) async throws -> (reports: [String], count: UInt64?) {
    let settings = Settings.bare(backends.map(\.target)) { settings in
      settings.services[0].rules.retries.attempts = 0
      settings.services[0].rules.outlierDetection = rule
    }
    var result: (reports: [String], count: UInt64?) = ([], nil)
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      for _ in 0..<requests where !edge.reports.contains(where: { $0.contains("backendEjected") }) {
        client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        _ = client.readAnswer()
      }
      result = (edge.reports.filter { $0.contains("backendEjected") }, edge.proxy.counters[counter])
    }
    for backend in backends { _ = backend.finish() }
    return result
  }

  private static let error = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 3\r\n\r\nbad"

  @Test(
    "where server errors count, five answers of 500 in a row eject a backend, and are counted by their reason"
  )
  func errors() async throws {
    var rule = OutlierDetection()
    rule.consecutiveErrors = 5
    let backends = [try Self.server(Self.error), try Self.server(Self.good)]
    let found = try await Self.ejection(backends, rule, .ejectionsForErrors)
    #expect(found.count == 1 && found.reports.count == 1)
    #expect(found.reports.first?.contains(backends[0].target.key) == true)
  }

  @Test("a backend that fails every other request stands out among others that do not")
  func successRate() async throws {
    let flapping = try Backend { wire in
      var bad = false
      while wire.readHead().hasSuffix("\r\n\r\n") {
        wire.write(bad ? Self.error : Self.good)
        bad.toggle()
      }
    }
    let others = try (0..<4).map { _ in try Self.server(Self.good) }
    var rule = OutlierDetection()
    rule.interval = 30
    rule.successRate = .init()
    rule.successRate?.requestVolume = 2
    let found = try await Self.ejection([flapping] + others, rule, .ejectionsForSuccessRate)
    #expect(found.count == 1)
    #expect(found.reports.first?.contains(flapping.target.key) == true)
  }

  @Test("a backend that answers late stands out among others that do not")
  func latency() async throws {
    // It answers when it has seen that nobody writes for 30 ms.
    let slow = try Backend { wire in
      while wire.readHead().hasSuffix("\r\n\r\n") {
        _ = wire.pauses()
        wire.write(Self.good)
      }
    }
    let others = try (0..<2).map { _ in try Self.server(Self.good) }
    var rule = OutlierDetection()
    rule.interval = 150
    rule.latency = .init()
    rule.latency?.requestVolume = 1
    rule.latency?.minimum = 15
    let found = try await Self.ejection([slow] + others, rule, .ejectionsForLatency)
    #expect(found.count == 1)
    #expect(found.reports.first?.contains(slow.target.key) == true)
  }
}
