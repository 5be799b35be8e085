import OS
import TestRun
import Testing

@testable import DNS

@Suite(.ownThread) struct AskingTests {
  private let name: DomainName

  init() throws { name = try #require(DomainName("example.com")) }

  /// An answer to a query's bytes with some records.
  private static func answer(_ query: [UInt8], flags: UInt16 = 0x8400, _ records: [[UInt8]] = []) -> [UInt8] {
    guard let message = try? Message(query), let question = message.question else { return [] }
    return Message.header(message.id, flags: flags, counts: [1, UInt16(records.count), 0, 0])
      + question.name.wire
      + Message.number(question.type.rawValue) + Message.number(Message.internet) + records.flatMap { $0 }
  }

  private static func text(_ value: String) -> [UInt8] {
    [0xC0, 12, 0, 16, 0, 1, 0, 0, 0, 1] + Message.number(UInt16(value.utf8.count + 1))
      + [UInt8(value.utf8.count)] + value.utf8
  }

  @Test("an answer with another id or to another question is not taken")
  func forged() async throws {
    let other = try #require(DomainName("example.org"))
    let forgeries: [@Sendable ([UInt8]) -> [UInt8]] = [
      { [$0[0] ^ 1] + Self.answer($0).dropFirst() },
      { query in
        Self.answer(
          Message.query(
            UInt16(query[0]) << 8 | UInt16(query[1]), .init(name: other, type: .txt), wantsRecursion: false))
      },
      { $0 },
    ]
    for forgery in forgeries {
      let network = FakeNetwork(datagrams: [server().description: forgery])
      await #expect(throws: DNSError.self) {
        try await NameServers(surroundings(network)).ask(server(), name, .txt, wantsRecursion: true)
      }
      #expect(network.questions.count == NameServers.tries)
    }
  }

  @Test("what does not fit into a datagram is asked for again by a connection")
  func truncated() async throws {
    let network = FakeNetwork(
      datagrams: [server().description: { Self.answer($0, flags: 0x8600) }],
      streams: [server().description: { Self.answer($0, [Self.text("long")]) }])
    let answer = try await NameServers(surroundings(network)).ask(server(), name, .txt, wantsRecursion: true)
    #expect(answer.records.map(\.data) == [.text(Array("long".utf8))])
    #expect(network.questions == ["udp 192.0.2.1:53", "tcp 192.0.2.1:53"])
  }

  @Test("a resolver goes on to its next server after silence or SERVFAIL, and believes NXDOMAIN")
  func nextServer() async throws {
    let second = server("192.0.2.2")
    func look(_ first: FakeNetwork.Server?) async throws -> RecursiveResolver.Findings {
      var servers: [String: FakeNetwork.Server] = [second.description: { Self.answer($0, [Self.text("x")]) }]
      servers[server().description] = first
      let resolver = RecursiveResolver(
        servers: [server(), second], surroundings(FakeNetwork(datagrams: servers)))
      return try await resolver.look(up: name, .txt)
    }
    #expect(try await look(nil).records.count == 1)
    #expect(try await look { Self.answer($0, flags: 0x8402) }.records.count == 1)
    let gone = try await look { Self.answer($0, flags: 0x8403) }
    #expect(gone.records.isEmpty && !gone.exists)
  }

  @Test("aliases that lead in circles come to an end")
  func circles() async throws {
    // An alias of itself.
    let network = FakeNetwork(datagrams: [
      server().description: {
        Self.answer($0, [[0xC0, 12, 0, 5, 0, 1, 0, 0, 0, 1, 0, 4, 1, 0x78, 0xC0, 12]])
      }
    ])
    let resolver = RecursiveResolver(servers: [server()], surroundings(network))
    await #expect(throws: DNSError.self) { try await resolver.look(up: name, .txt) }
  }

  @Test("the servers of resolv.conf are asked, or this machine")
  func resolvConf() {
    let text =
      "# comment\nsearch example.com\nnameserver 192.0.2.7\nnameserver 2001:db8::1\nnameserver nonsense\n"
    #expect(
      RecursiveResolver.servers(resolvConf: text).map(\.description) == ["192.0.2.7:53", "[2001:db8::1]:53"])
    #expect(RecursiveResolver.servers(resolvConf: "").map(\.description) == ["127.0.0.1:53"])
  }
}
