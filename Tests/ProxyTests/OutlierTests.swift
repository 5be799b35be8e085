import HTTP
import Proxy
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
      service.rules.outlierDetection = OutlierDetection(consecutiveFailures: failures)
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
}
