import Bytes
import CertStore
import OS
import PKI
import Renewal
import Scratch
import StoreFixtures
import TestRun
import Testing

@Suite(.ownThread) struct LocalAuthorityTests {
  let bench: Bench
  let wanted = ManagedCertificate(
    name: LineageName(.dns("localhost")), identifiers: [.dns("localhost"), .ip([127, 0, 0, 1])],
    issuer: "local")

  init() throws { bench = try Bench(FakeIssuer()) }

  private func run(_ store: CertStore? = nil) async -> Report {
    let store = store ?? bench.store
    let time = bench.time
    return await bench.executor(
      store: store, issuers: ["local": LocalAuthority(store: store, now: { time })]
    ).run([wanted])
  }

  @Test("a certificate by the local CA is stored, leads to the root, and has a week")
  func issues() async throws {
    #expect(await run().isRenewed("localhost"))
    let stored = try #require(bench.store.load(wanted.name, now: now))
    let root = try LocalAuthority(store: bench.store, now: { now }).root()
    #expect(stored.chain.leaf.isSigned(by: root) && root.isCA)
    #expect(stored.chain.leaf.covers(.ip([127, 0, 0, 1])))
    #expect(stored.chain.leaf.notBefore == now - 3600 && stored.chain.leaf.notAfter == now + 7 * day)
    #expect(root.notAfter == now - 3600 + 3650 * day)
  }

  @Test("the same root is used after a restart")
  func keepsRoot() async throws {
    _ = await run()
    let before = try LocalAuthority(store: bench.store, now: { now }).root()
    let store = try CertStore.open(root: bench.store.root)
    #expect(try LocalAuthority(store: store, now: { now }).root() == before)
    #expect(await !run(store).isRenewed("localhost"))
  }

  @Test("a certificate is renewed at half its life")
  func renews() async throws {
    _ = await run()
    bench.pass(seconds: 7 * day / 2 - 100)
    #expect(await !run().isRenewed("localhost"))
    bench.pass(seconds: 200)
    #expect(await run().isRenewed("localhost"))
  }

  @Test("after the root was lost a new one is made and its certificates are issued anew")
  func lostRoot() async throws {
    _ = await run()
    let fs = FileSystem()
    try fs.publish(bench.store.root + "/accounts/local/root/key.pem", [0], mode: 0o600)
    let report = await run()
    #expect(report.isRenewed("localhost"))
    let stored = try #require(bench.store.load(wanted.name, now: now))
    #expect(stored.chain.leaf.isSigned(by: try LocalAuthority(store: bench.store, now: { now }).root()))
  }
}
