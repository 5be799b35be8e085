import Bytes
import EndToEnd
import Etcd
import HTTP
import HTTPClient
import OS
import TestRun
import Testing

@Suite("A real etcd", .ownThread, .enabled(if: EtcdServer.isInstalled, "etcd is not installed"))
struct EtcdClientTests {
  private func client(_ endpoints: [String]) throws -> EtcdClient {
    EtcdClient(
      .init(endpoints: endpoints.compactMap { URL($0) }), http: try HTTPClient(),
      uptime: { Clock.bootSeconds() })
  }

  @Test("what is written is read, page by page, and a comparison that does not hold changes nothing")
  func keys() async throws {
    let etcd = try await EtcdServer(try Place())
    let client = try client(etcd.endpoints)
    let count = EtcdClient.pageKeys * 2 + 7
    for start in stride(from: 0, to: count, by: Transaction.maximumOperations) {
      let end = min(start + Transaction.maximumOperations, count)
      _ = try await client.commit(
        Transaction(then: (start..<end).map { .put("/a/\($0)", Array("v\($0)".utf8)) }))
    }
    _ = try await client.commit(Transaction(then: [.put("/b", [1])]))
    let (all, revision) = try await client.list(prefix: "/a/")
    #expect(all.count == count && Set(all.map(\.key)).count == count && revision > 1)
    #expect(all.allSatisfy { String(decoding: $0.value, as: UTF8.self) == "v" + $0.key.dropFirst(3) })

    let refused = try await client.commit(
      Transaction(if: [.created("/b", 0)], then: [.put("/b", [2])], else: [.get("/b")]))
    #expect(!refused.succeeded && refused.found.first?.value == [1])
    let known = try #require(refused.found.first?.modRevision)
    #expect(
      try await client.commit(Transaction(if: [.modified("/b", known)], then: [.delete("/b")])).succeeded)
    #expect(try await client.get("/b") == nil)
    #expect(abs(client.clockOffset(now: .init(seconds: Clock.wallSeconds())) ?? 99) < 60)
  }

  @Test("a key ends with its lease, and a lease that has ended is told")
  func leases() async throws {
    let etcd = try await EtcdServer(try Place())
    let client = try client(etcd.endpoints)
    let lease = try await client.grant(seconds: 30)
    _ = try await client.commit(Transaction(then: [.put("/l", [1], lease: lease)]))
    #expect(try await client.get("/l")?.lease == lease)
    #expect(try await client.keepAlive(lease) > 0)
    try await client.revoke(lease)
    #expect(try await client.get("/l") == nil)
    #expect(try await client.keepAlive(lease) == 0)
  }

  @Test("a watch goes on behind what was seen, and says when that is not kept any more")
  func watching() async throws {
    let etcd = try await EtcdServer(try Place())
    let client = try client(etcd.endpoints)
    let first = try await client.commit(Transaction(then: [.put("/w/a", [1]), .put("/other", [9])])).revision
    var last: Int64 = 0
    for value in UInt8(2)...5 {
      last = try await client.commit(Transaction(then: [.put("/w/a", [value])])).revision
    }
    _ = try await client.commit(Transaction(then: [.delete("/w/a")]))
    var seen: [Change] = []
    for await message in client.watch(prefix: "/w/", from: first + 1) {
      if case .changes(let changes, _) = message { seen += changes }
      if seen.count >= 5 { break }
    }
    #expect(seen.map(\.keyValue.value) == [[2], [3], [4], [5], []])
    #expect(seen.map(\.isGone) == [false, false, false, false, true])

    try await client.compact(last)
    var messages: [WatchMessage] = []
    for await message in client.watch(prefix: "/w/", from: first + 1) {
      messages.append(message)
      if case .compacted = message { break }
    }
    #expect(messages.last == .compacted(last))
  }

  @Test("one member of three may die: the others are asked, and a watch that it carried ends")
  func failover() async throws {
    let etcd = try await EtcdServer(try Place(), members: 3)
    let client = try client(etcd.endpoints)
    _ = try await client.commit(Transaction(then: [.put("/f", [1])]))
    let watch = client.watch(prefix: "/f", from: 1)
    var isKilled = false
    var end: WatchMessage?
    for await message in watch {
      if !isKilled {
        isKilled = true
        try await etcd.kill(0)
      }
      if case .ended = message { end = message }
    }
    guard case .ended(.unreachable) = end else {
      Issue.record("\(String(describing: end))")
      return
    }
    try await eventually("the others elect") { (try? await client.get("/f"))?.value == [1] }
    #expect(try await client.commit(Transaction(then: [.put("/f", [2])])).succeeded)
  }

  @Test("where nobody listens, the error names the last place and the reason")
  func nobody() async throws {
    let port = try FreePort.take()
    await #expect(throws: EtcdError.self) { try await client(["http://127.0.0.1:\(port)"]).get("/a") }
  }
}
