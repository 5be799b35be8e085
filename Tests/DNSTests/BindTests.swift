import EndToEnd
import OS
import TestRun
import Testing

@testable import DNS

/// Against a real name server.
@Suite(.ownThread) struct BindTests {
  private let zone: DomainName
  private let record: DomainName

  init() throws {
    zone = try #require(DomainName("example.com"))
    record = try #require(DomainName("_acme-challenge.example.com"))
  }

  private func key(_ bind: Bind) throws -> TransactionKey {
    try #require(
      TransactionKey(
        file: String(decoding: FileSystem().read(bind.key.path, limitInBytes: 4096), as: UTF8.self),
        name: nil, algorithm: nil))
  }

  private func update(_ bind: Bind, _ key: TransactionKey?, clock: Int64 = 0) -> Update {
    Update(server: server("127.0.0.1", port: bind.port), key: key, surroundings()) {
      Clock.wallSeconds() + clock
    }
  }

  private func texts(_ bind: Bind) async throws -> Set<String> {
    let resolver = RecursiveResolver(servers: [server("127.0.0.1", port: bind.port)], surroundings())
    let records = try await resolver.look(up: record, .txt).records
    return Set(
      records.compactMap {
        if case .text(let text) = $0.data { String(decoding: text, as: UTF8.self) } else { nil }
      })
  }

  @Test(
    "signed updates add values beside each other and remove one alone",
    arguments: TransactionKey.Algorithm.allCases)
  func updates(algorithm: TransactionKey.Algorithm) async throws {
    let place = try Place()
    let bind = try await Bind(place, [.init("example.com")], algorithm: algorithm.rawValue)
    let update = update(bind, try key(bind))
    try await update.add("one", at: record, zone: zone, ttl: 1)
    try await update.add("two", at: record, zone: zone, ttl: 1)
    try await update.add("two", at: record, zone: zone, ttl: 1)
    #expect(try await texts(bind) == ["one", "two"])
    try await update.remove("one", at: record, zone: zone)
    try await update.remove("never there", at: record, zone: zone)
    #expect(try await texts(bind) == ["two"])
  }

  @Test("each way in which a server refuses an update is told apart")
  func refusals() async throws {
    let place = try Place()
    let bind = try await Bind(place, [.init("example.com")])
    let good = try key(bind)
    let stranger = TransactionKey(name: good.name, algorithm: .hmacSHA256, base64: "AAAA")
    let unknown = TransactionKey(name: zone, algorithm: .hmacSHA256, base64: "AAAA")
    let cases: [(Update, DomainName, String)] = [
      (update(bind, nil), zone, "REFUSED"),
      (update(bind, stranger), zone, "the secret of certd is another one there"),
      (update(bind, unknown), zone, "it knows no key example.com"),
      (update(bind, good, clock: 4000), zone, "its clock and ours are more than 300 s apart"),
      (update(bind, good), try #require(DomainName("com")), "NOTAUTH"),
    ]
    for (update, zone, expected) in cases {
      do throws(DNSError) {
        try await update.add("x", at: record, zone: zone, ttl: 1)
        Issue.record("not refused: \(expected)")
      } catch { #expect(error.description.contains(expected), "\(error)") }
    }
    #expect(try await texts(bind).isEmpty)
  }

  @Test("a zone is found from a name that is not there, with all its servers and their addresses")
  func zones() async throws {
    let place = try Place()
    let servers = [("ns1", "127.0.0.1"), ("ns2", "::1")]
    let bind = try await Bind(place, [.init("example.com"), .init("sub.example.com")], servers: servers)
    let resolver = RecursiveResolver(servers: [server("127.0.0.1", port: bind.port)], surroundings())
    let found = try await resolver.zone(of: record, port: bind.port)
    #expect(found.apex == zone && found.primary.description == "ns1.example.com")
    #expect(Set(found.servers.map(\.name.description)) == ["ns1.example.com", "ns2.example.com"])
    #expect(found.servers.flatMap { $0.addresses.map(\.port) } == [bind.port, bind.port])
    let below = try #require(DomainName("_acme-challenge.a.b.sub.example.com"))
    #expect(try await resolver.zone(of: below, port: bind.port).apex.description == "sub.example.com")
  }

  @Test(
    "a record counts as there only when every server of the zone has it, and the error names the one that lacks it"
  )
  func propagation() async throws {
    let place = try Place()
    let servers = [("ns1", "127.0.0.1"), ("ns2", "::1")]
    let first = try await Bind(place, [.init("example.com")], servers: servers)
    // Not a secondary: it never hears of the change.
    let second = try await Bind(
      place, [.init("example.com")], address: "::1", port: first.port, servers: servers, key: first.key)
    try await update(first, try key(first)).add("v", at: record, zone: zone, ttl: 1)
    let resolver = RecursiveResolver(servers: [server("127.0.0.1", port: first.port)], surroundings())
    let propagation = Propagation(resolver, port: first.port)
    do throws(DNSError) {
      try await propagation.wait(for: "v", at: record, seconds: 3)
      Issue.record("one server lacks it")
    } catch {
      #expect(error.description.contains("ns2.example.com (::1) does not have it"), "\(error)")
      #expect(!error.description.contains("ns1.example.com"), "\(error)")
    }
    let other = Update(server: server("::1", port: second.port), key: try key(second), surroundings()) {
      Clock.wallSeconds()
    }
    try await other.add("v", at: record, zone: zone, ttl: 1)
    try await propagation.wait(for: "v", at: record, seconds: 3)
    try await second.stop()
    await #expect(throws: DNSError.self) { try await propagation.wait(for: "v", at: record, seconds: 1) }
  }

  @Test("an alias is followed to where the record must be")
  func alias() async throws {
    let place = try Place()
    let bind = try await Bind(
      place,
      [.init("example.com", ["_acme-challenge IN CNAME elsewhere.example.org."]), .init("example.org")])
    let resolver = RecursiveResolver(servers: [server("127.0.0.1", port: bind.port)], surroundings())
    let found = try await resolver.look(up: record, .txt)
    #expect(found.records.isEmpty && found.canonical.description == "elsewhere.example.org")
  }
}
