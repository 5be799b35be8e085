import Bytes
import CertStore
import EndToEnd
import Etcd
import HTTP
import HTTPClient
import OS
import PKI
import Scratch
import StoreFixtures
import TestRun
import Testing

@testable import Fleet

/// What holds for every store that several nodes have in common: each behaviour is asked of two nodes over one store.
@Suite("A store in common", .ownThread) struct SharedStoreTests {
  /// Two nodes, and what makes the first lose a right as a kill does.
  struct Pair: Sendable {
    let one: any SharedStore
    let other: any SharedStore
    let lose: @Sendable (Claim) async throws -> Void
    let kept: [any Sendable]
  }

  enum Kind: String, CaseIterable { case embedded, etcd }

  static let kinds: [Kind] = EtcdServer.isInstalled ? Kind.allCases : [.embedded]
  private let name = LineageName(Identifier.dns("example.com"))

  private func pair(_ kind: Kind) async throws -> Pair {
    switch kind {
    case .embedded:
      let scratch = try ScratchDirectory()
      let stores = try (0..<2).map { _ in
        EmbeddedStore(try CertStore.open(root: scratch.path), node: "n", now: { TestAuthority.now })
      }
      return Pair(one: stores[0], other: stores[1], lose: { stores[0].lose($0) }, kept: [scratch])
    case .etcd:
      let etcd = try await EtcdServer(try Place())
      let client = EtcdClient(
        .init(endpoints: etcd.endpoints.compactMap { URL($0) }), http: try HTTPClient(),
        uptime: { Clock.bootSeconds() })
      let seal = try SealKeys([UInt8](repeating: 3, count: 32))
      let leases = [try await client.grant(seconds: 60), try await client.grant(seconds: 60)]
      let stores = leases.enumerated().map {
        EtcdStore(client, Space(prefix: "/certd"), seal, holder: "n\($0.offset)", lease: $0.element)
      }
      return Pair(
        one: stores[0], other: stores[1], lose: { _ in try await client.revoke(leases[0]) }, kept: [etcd])
    }
  }

  private func granted(_ store: any SharedStore) async throws -> Claim {
    guard case .granted(let claim) = try await store.claim(name) else {
      throw FleetError.lost("it is held")
    }
    return claim
  }

  private func generation(_ number: Int, _ authority: TestAuthority) throws -> SharedGeneration {
    let issued = try authority.issue()
    return SharedGeneration(
      number: number, key: issued.key, chain: issued.chain, meta: issued.meta, node: "n",
      publishedAt: TestAuthority.now)
  }

  @Test(
    "one node at a time has the right to change a certificate, and again the other when it is given back",
    arguments: kinds)
  func claims(_ kind: Kind) async throws {
    let pair = try await pair(kind)
    let claim = try await granted(pair.one)
    #expect(try await pair.one.claim(name) == .granted(claim))
    guard case .held = try await pair.other.claim(name) else {
      Issue.record("two have it")
      return
    }
    await pair.one.release(claim)
    _ = try await granted(pair.other)
  }

  @Test(
    "what is published comes back whole at the other node, key and all, and the order is over",
    arguments: kinds)
  func publishing(_ kind: Kind) async throws {
    let (pair, authority) = (try await pair(kind), try TestAuthority())
    #expect(try await pair.other.newest(name) == nil)
    let claim = try await granted(pair.one)
    let fresh = try generation(1, authority)
    let order = PendingOrder(
      url: "https://ca/order/1", identifiers: ["example.com"], issuer: "ca", key: fresh.key,
      startedAt: TestAuthority.now)
    #expect(try await pair.one.record(order, under: claim))
    #expect(try await pair.one.publish(fresh, after: nil, under: claim) == .published)
    // An answer that was lost: it is asked once more.
    #expect(try await pair.one.publish(fresh, after: nil, under: claim) == .published)
    await pair.one.release(claim)
    let found = try #require(try await pair.other.newest(name))
    #expect(found.number == 1 && found.chain == fresh.chain && found.meta.fleetGeneration == 1)
    #expect(found.key.publicKeyInfo == fresh.key.publicKeyInfo && found.chain.leaf.matches(found.key))
    #expect(try await pair.other.order(name) == nil)
  }

  @Test(
    "who has lost the right publishes nothing and writes no order, and what the other does stands",
    arguments: kinds)
  func fencing(_ kind: Kind) async throws {
    let (pair, authority) = (try await pair(kind), try TestAuthority())
    let lost = try await granted(pair.one)
    let key = try PrivateKey.generate(.ecP256)
    let order = PendingOrder(
      url: nil, identifiers: ["example.com"], issuer: "ca", key: key, startedAt: TestAuthority.now)
    #expect(try await pair.one.record(order, under: lost))
    try await pair.lose(lost)
    let claim = try await granted(pair.other)
    // The order of the one that has gone is found, with its key.
    #expect(try await pair.other.order(name)?.key.publicKeyInfo == key.publicKeyInfo)
    #expect(try await pair.one.publish(try generation(1, authority), after: nil, under: lost) == .lost)
    #expect(try await !pair.one.record(order, under: lost))
    let fresh = try generation(1, authority)
    #expect(try await pair.other.publish(fresh, after: nil, under: claim) == .published)
    #expect(try await pair.one.newest(name)?.leafSHA256 == fresh.leafSHA256)
  }

  @Test(
    "a generation stands behind the one that was thought to be the newest, or not at all", arguments: kinds)
  func succession(_ kind: Kind) async throws {
    let (pair, authority) = (try await pair(kind), try TestAuthority())
    let claim = try await granted(pair.one)
    #expect(try await pair.one.publish(try generation(3, authority), after: 2, under: claim) == .overtaken)
    #expect(try await pair.one.publish(try generation(1, authority), after: nil, under: claim) == .published)
    #expect(try await pair.one.publish(try generation(1, authority), after: nil, under: claim) == .overtaken)
    #expect(try await pair.one.publish(try generation(1, authority), after: 1, under: claim) == .overtaken)
    #expect(try await pair.one.publish(try generation(2, authority), after: 1, under: claim) == .published)
    #expect(try await pair.one.newest(name)?.number == 2)
  }
}
