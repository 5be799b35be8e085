import ACME
import PKI
import TestRun
import Testing

@Suite("Resumed orders", .ownThread) struct ResumeTests {
  /// A CA with an order left behind by a run that ended at some request.
  private func interrupted(at fault: Int, _ dialect: Dialect = Dialect()) async throws -> (Harness, String) {
    let faults = Dictionary(uniqueKeysWithValues: (fault..<fault + 100).map { ($0, Fault.connectRefused) })
    let harness = try Harness(dialect, faults: faults)
    _ = await harness.failure()
    return (harness, try #require(harness.notebook.record.orders.last))
  }

  @Test("an order is resumed from wherever it was left", arguments: [4, 5, 6, 7, 8, 10, 12, 13, 14])
  func resumed(_ request: Int) async throws {
    let (first, order) = try await interrupted(at: request)
    let notebook = first.notebook
    let second = try Harness(notebook: notebook, sharing: first.ca)
    try await second.issue(resuming: order)
    #expect(notebook.record.orders == [order])
    #expect(!second.wire.requests.contains("POST /new-order"))
  }

  @Test(
    "an order that failed because nobody was left to answer is replaced by a new one", arguments: [9, 11])
  func unanswered(_ request: Int) async throws {
    let (first, order) = try await interrupted(at: request)
    let second = try Harness(notebook: first.notebook, sharing: first.ca)
    try await second.issue(resuming: order)
    #expect(first.notebook.record.orders.count == 2)
    #expect(first.notebook.record.closed == [order])
  }

  @Test("a valid order's certificate is downloaded without anything else")
  func valid() async throws {
    let first = try Harness()
    try await first.issue()
    let order = try #require(first.notebook.record.orders.last)
    let second = try Harness(sharing: first.ca)
    try await second.issue(resuming: order)
    #expect(!second.wire.requests.contains { $0.contains("finalize") || $0.contains("new-order") })
  }

  @Test(
    "an order that is gone, foreign, or no URL is replaced by a new one",
    arguments: ["https://ca.example/order/999", "https://ca.example/directory", "nonsense"])
  func gone(_ order: String) async throws {
    let harness = try Harness()
    try await harness.issue(resuming: order)
    #expect(harness.notebook.record.orders.count == 1)
  }

  @Test("an order for other names is replaced by a new one")
  func otherNames() async throws {
    let first = try Harness(names: ["c.example"])
    try await first.issue()
    let order = try #require(first.notebook.record.orders.last)
    let second = try Harness(notebook: first.notebook, sharing: first.ca)
    try await second.issue(resuming: order)
    #expect(second.notebook.record.orders.count == 2)
    #expect(second.notebook.record.closed == [order])
  }

  @Test("a valid order whose certificate is for another key is replaced by a new one")
  func otherKey() async throws {
    let first = try Harness()
    try await first.issue()
    let order = try #require(first.notebook.record.orders.last)
    let notebook = first.notebook
    let second = try Harness(notebook: notebook, sharing: first.ca, leafKey: try PrivateKey.generate(.ecP256))
    try await second.issue(resuming: order)
    #expect(notebook.record.orders.count == 2)
  }

  @Test("an order whose validation had failed is replaced by a new one", arguments: [true, false])
  func failed(_ leavesPending: Bool) async throws {
    let dialect = Dialect(leavesFailedAuthorizationPending: leavesPending, unreachable: ["b.example"])
    let first = try Harness(dialect)
    _ = await first.failure()
    let order = try #require(first.notebook.record.orders.last)
    let second = try Harness(notebook: first.notebook, sharing: first.ca)
    let error = await second.failure(resuming: order)
    #expect(second.notebook.record.orders.count == 2)
    #expect(error?.step == .authorization)
  }

  @Test("an account's URL from an earlier run saves the registration")
  func accountURL() async throws {
    let first = try Harness()
    try await first.issue()
    let account = try #require(first.notebook.record.accounts.last)
    let second = try Harness(notebook: first.notebook, sharing: first.ca) { $0.accountURL = account }
    try await second.issue()
    #expect(!second.wire.requests.contains("POST /new-account"))
  }

  @Test("an account's URL that the CA does not know leads to a new account")
  func unknownAccountURL() async throws {
    let harness = try Harness { $0.accountURL = "https://ca.example/account/77" }
    try await harness.issue()
    #expect(harness.notebook.record.accounts.count == 1)
  }
}
