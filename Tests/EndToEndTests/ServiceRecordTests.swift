import Configuration
import TestRun
import Testing

@testable import DNS
@testable import certd

@Suite("SRV records", .ownThread) struct ServiceRecordTests {
  private typealias Server = (priority: UInt16, weight: UInt16, port: UInt16, target: String)

  private func find(_ servers: [Server], ttl: UInt32 = 60) async throws -> (DiscoveryOutcome, Double?) {
    let name = try #require(DomainName("_http._tcp.chat.example.com"))
    let records = try servers.map { server in
      Record(
        name: name, type: .srv, ttl: ttl,
        data: .service(
          priority: server.priority, weight: server.weight, port: server.port,
          target: try #require(DomainName(server.target))))
    }
    let findings = RecursiveResolver.Findings(
      records: records, canonical: name, exists: true, secondsToLive: servers.isEmpty ? nil : ttl)
    return await ServiceRecords(name: "_http._tcp.chat.example.com", look: { _ in findings }).find()
  }

  @Test(
    "servers are found with their ports and weights, and believed as long as DNS says, within a second and an hour"
  )
  func servers() async throws {
    let (outcome, seconds) = try await find([(20, 1, 8001, "b.example.com"), (10, 3, 8000, "a.example.com")])
    guard case .found(let found) = outcome else { return #expect(Bool(false), "\(outcome)") }
    #expect(
      found.backends.map { "\($0.address) \($0.weight)" } == ["a.example.com:8000 3", "b.example.com:8001 1"])
    #expect(found.groups.map(\.priority) == [0, 1] && seconds == 60)
    for (ttl, seconds) in [(UInt32(0), 1.0), (1_000_000, 3600)] {
      #expect(try await find([(1, 1, 1, "a.example.com")], ttl: ttl).1 == seconds)
    }
  }

  @Test("no records, or the root in place of a server, leave what there was")
  func none() async throws {
    let reason = DiscoveryOutcome.failed("_http._tcp.chat.example.com has no SRV records")
    #expect(try await find([]) == (reason, nil))
    #expect(try await find([(0, 0, 0, ".")]) == (reason, nil))
  }
}
