import ACME
import Bytes
import CertStore
import HTTP
import OS
import PKI
import Renewal
import Scratch
import StoreFixtures
import Synchronization
import TestRun
import Testing

@Suite(.ownThread) struct ACMEIssuerTests {
  let bench: Bench
  let ca: TinyCA

  init() throws {
    bench = try Bench(FakeIssuer())
    ca = try TinyCA(bench.store, clock: { now })
  }

  /// A run as a new process would make it.
  private func run(
    contacts: [String] = ["mailto:a@b.c"], force: Situation.Force = .none
  ) async throws -> Report {
    let directory = try #require(URL("https://ca.test/dir"))
    let store = try CertStore.open(root: bench.store.root)
    var options = ACME.Options()
    options.contacts = contacts
    let environment = ACME.Environment(now: { now }, sleep: { _ in }, random: { 0.5 })
    let issuer = ACMEIssuer(
      .init(directory: directory, options: options), store: store, transport: ca, environment: environment)
    return await bench.executor(store: store, issuers: ["ca": issuer]).run([managed()], force: force)
  }

  private func storedAccount() throws -> StoredAccount? {
    try bench.store.account(
      host: "ca.test", directory: "https://ca.test/dir", externalKeyID: nil, now: now)
  }

  @Test("a certificate is obtained by way of the store's account, order and challenge board")
  func issues() async throws {
    let report = try await run()
    #expect(report.isRenewed("example.com"), "\(report.certificates)")
    let stored = try #require(bench.store.load(example, now: now))
    #expect(stored.chain.leaf.isSigned(by: ca.authority.root))
    #expect(stored.meta.orderURL == "https://ca.test/order")
    #expect(bench.store.challenges.answer(token: TinyCA.token) == nil)
    #expect(try storedAccount()?.record.url == "https://ca.test/account")
  }

  @Test("the account is made once and used by later runs")
  func account() async throws {
    _ = try await run()
    #expect(try await run(force: .all).isRenewed("example.com"))
    #expect(ca.hits("/newAccount") == 1 && ca.accountUpdates.isEmpty)
  }

  @Test("changed contacts are told to the CA, by the same account")
  func contacts() async throws {
    _ = try await run()
    let before = try #require(try storedAccount())
    _ = try await run(contacts: ["mailto:new@b.c"], force: .all)
    let after = try #require(try storedAccount())
    #expect(after.id == before.id && after.record.contacts == ["mailto:new@b.c"])
    let update = try #require(ca.accountUpdates.first)
    #expect(String(decoding: update, as: UTF8.self).contains("new@b.c"))
  }

  @Test(
    "an order cut off anywhere is gone on with, not repeated", arguments: ["/authz", "/finalize", "/cert"])
  func resumes(lost: String) async throws {
    ca.lost.withLock { $0 = lost }
    let first = try await run()
    #expect(!first.isRenewed("example.com") && !first.hasFailure)
    ca.lost.withLock { $0 = nil }
    #expect(try await run().isRenewed("example.com"))
    #expect(ca.hits("/newOrder") == 1)
  }

  @Test("nothing is ordered while our clock is far from the CA's")
  func clock() async throws {
    ca.clockAhead.withLock { $0 = 2 * 3600 }
    let report = try await run()
    #expect(
      report.outcome("example.com")
        == .failed(why: "the system's clock is 7200 s away from the CA's; set the clock"))
    #expect(ca.hits("/newOrder") == 0)
  }

  @Test("the CA's renewal information decides when")
  func advice() async throws {
    _ = try await run()
    let report = try await run()
    #expect(report.outcome("example.com") == .notDue(until: now + day + day / 2))
    #expect(report.warnings == [])
  }
}
