import CertStore
import EndToEnd
import Etcd
import HTTP
import HTTPClient
import OS
import PKI
import StoreFixtures
import TestRun
import Testing

@testable import Fleet

@Suite(
  "What an operator does to a fleet", .ownThread,
  .enabled(if: EtcdServer.isInstalled, "etcd is not installed"))
struct FleetKeeperTests {
  private let etcd: EtcdServer
  private let client: EtcdClient
  private let space = Space(prefix: "/certd")
  private let old = [UInt8](repeating: 1, count: 32)
  private let new = [UInt8](repeating: 2, count: 32)
  private let authority: TestAuthority
  private let name = LineageName(Identifier.dns("example.com"))

  init() async throws {
    etcd = try await EtcdServer(try Place())
    client = EtcdClient(
      .init(endpoints: etcd.endpoints.compactMap { URL($0) }), http: try HTTPClient(),
      uptime: { Clock.bootSeconds() })
    authority = try TestAuthority()
  }

  @discardableResult
  private func publish(_ number: Int, after previous: Int?, _ seal: SealKeys) async throws -> SharedGeneration
  {
    let lease = try await client.grant(seconds: 60)
    let store = EtcdStore(client, space, seal, holder: "n", lease: lease)
    let issued = try authority.issue()
    let generation = SharedGeneration(
      number: number, key: issued.key, chain: issued.chain, meta: issued.meta, node: "n",
      publishedAt: TestAuthority.now)
    guard case .granted(let claim) = try await store.claim(name) else { throw FleetError.lost("held") }
    #expect(try await store.publish(generation, after: previous, under: claim) == .published)
    await store.release(claim)
    return generation
  }

  private func newest(_ seal: SealKeys) async throws -> SharedGeneration? {
    try await EtcdStore(client, space, seal, holder: "n", lease: 1).newest(name)
  }

  @Test("after the seal was rotated, the new key alone opens everything")
  func rotation() async throws {
    let fresh = try await publish(1, after: nil, try SealKeys(old))
    await #expect(throws: FleetError.self) { try await newest(try SealKeys(new)) }
    let keeper = FleetKeeper(client, space, try SealKeys(new, older: [old]))
    #expect(try await keeper.reseal() == .init(changed: 1, kept: 0))
    #expect(try await newest(try SealKeys(new))?.leafSHA256 == fresh.leafSHA256)
    #expect(try await keeper.reseal() == .init(changed: 0, kept: 1))
  }

  @Test("a copy puts back what was lost, and never an older certificate over a newer")
  func copies() async throws {
    let seal = try SealKeys(old)
    let keeper = FleetKeeper(client, space, seal)
    let first = try await publish(1, after: nil, seal)
    let (copy, count) = try await keeper.backup()
    #expect(count == 1)
    #expect(!String(decoding: copy, as: UTF8.self).contains("PRIVATE KEY"))
    let second = try await publish(2, after: 1, seal)
    #expect(try await keeper.restore(copy) == .init(written: 0, kept: 1))
    #expect(try await newest(seal)?.leafSHA256 == second.leafSHA256)
    _ = try await client.commit(Transaction(then: [.deleteAll(prefix: "/certd/")]))
    #expect(try await keeper.restore(copy) == .init(written: 1, kept: 0))
    #expect(try await newest(seal)?.leafSHA256 == first.leafSHA256)
    await #expect(throws: FleetError.self) { try await keeper.restore(Array("nonsense".utf8)) }
    await #expect(throws: FleetError.self) { try await keeper.restore(copy + Array("{}\n".utf8)) }
  }
}
