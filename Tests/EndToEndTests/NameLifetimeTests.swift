import DNS
import EndToEnd
import OS
import TestRun
import Testing

@testable import certd

/// How long a real name server says that addresses hold good.
@Suite(.ownThread) struct NameLifetimeTests {
  @Test("DNS's word counts where it knows all of the addresses, in both families and behind aliases")
  func lifetime() async throws {
    let place = try Place()
    let bind = try await Bind(
      place,
      [
        Zone(
          "example.com",
          [
            "vllm.example.com. 7 IN A 127.0.0.5", "vllm.example.com. 7 IN A 127.0.0.6",
            "vllm.example.com. 5 IN AAAA ::1", "alias.example.com. 60 IN CNAME vllm.example.com.",
            "moving.example.com. 3 IN CNAME vllm.example.com.",
            "brief.example.com. 0 IN A 127.0.0.7", "long.example.com. 86400 IN A 127.0.0.8",
          ])
      ])
    let server = try #require(SocketAddress(host: "127.0.0.1", port: bind.port))
    let lifetime = NameLifetime(
      NameServers.Environment(
        random: { .random(in: 0...UInt16.max) }, sleep: { try await Task.sleep(for: .seconds($0)) }),
      servers: { [server] })
    func seconds(_ host: String, _ addresses: String...) async -> Double? {
      await lifetime.seconds(host, addresses.compactMap { SocketAddress(host: $0, port: 8000) })
    }
    #expect(await seconds("vllm.example.com", "127.0.0.5", "127.0.0.6") == 7)
    #expect(await seconds("vllm.example.com", "127.0.0.5", "::1") == 5)
    #expect(await seconds("alias.example.com", "127.0.0.6") == 7)
    #expect(await seconds("moving.example.com", "127.0.0.6", "127.0.0.5") == 3)
    #expect(await seconds("vllm.example.com", "127.0.0.5", "10.9.9.9") == nil)
    #expect(await seconds("nowhere.example.com", "127.0.0.5") == nil)
    #expect(await seconds("brief.example.com", "127.0.0.7") == 1)
    #expect(await seconds("long.example.com", "127.0.0.8") == 3600)
  }

  private typealias Zone = Bind.Zone
}
