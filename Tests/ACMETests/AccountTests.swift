import ACME
import Bytes
import PKI
import TestRun
import Testing

@Suite("Accounts", .ownThread) struct AccountTests {
  @Test("an account is registered once and found by its key again")
  func found() async throws {
    let first = try Harness()
    let account = try await first.client.account()
    let second = try Harness(sharing: first.ca)
    #expect(try await second.client.account() == account)
    #expect(await first.ca.state.accounts.count == 1)
  }

  @Test("changed contacts are sent to the account that exists")
  func contacts() async throws {
    let first = try Harness()
    let account = try await first.client.account()
    let second = try Harness(sharing: first.ca) { $0.contacts = ["mailto:new@example.com"] }
    let changed = try await second.client.account()
    #expect(changed.url == account.url)
    #expect(changed.contacts == ["mailto:new@example.com"])
  }

  @Test("an account that does not exist is nil, and is not made by asking")
  func absent() async throws {
    let harness = try Harness()
    #expect(try await harness.client.existingAccount() == nil)
    #expect(await harness.ca.state.accounts.isEmpty)
  }

  @Test("without agreement to the terms nothing is registered, and the terms are told")
  func terms() async throws {
    let harness = try Harness { $0.agreesToTerms = false }
    let error = await harness.failure()
    #expect(error?.description.contains("https://ca.example/terms") == true)
    #expect(error?.party == .us)
  }

  @Test("a CA that wants an external account and gets none tells so, or finds the account")
  func externalMissing() async throws {
    let dialect = Dialect(externalKey: Array("a key of the CA's customer".utf8))
    let harness = try Harness(dialect)
    #expect(await harness.failure()?.description.contains("external account binding") == true)
    let bound = try Harness(dialect) {
      $0.externalAccount = ExternalAccountBinding(
        keyID: "customer", key: "YSBrZXkgb2YgdGhlIENBJ3MgY3VzdG9tZXI=")
    }
    try await bound.issue()
    let later = try Harness(sharing: bound.ca)
    #expect(try await later.client.account().url == (try await bound.client.account().url))
  }

  @Test(
    "an external account is bound by each algorithm", arguments: ExternalAccountBinding.Algorithm.allCases)
  func externalAlgorithms(_ algorithm: ExternalAccountBinding.Algorithm) async throws {
    let dialect = Dialect(externalKey: Array("a key of the CA's customer".utf8))
    let harness = try Harness(dialect) {
      $0.externalAccount = ExternalAccountBinding(
        keyID: "customer", key: "YSBrZXkgb2YgdGhlIENBJ3MgY3VzdG9tZXI", algorithm: algorithm)
    }
    try await harness.issue()
  }

  @Test("an external account shows its name and never its key")
  func externalSecret() throws {
    let binding = try #require(ExternalAccountBinding(keyID: "kid-1", key: "c2VjcmV0LWtleQ=="))
    var dumped = ""
    dump(binding, to: &dumped)
    #expect("\(binding)" == "external account kid-1")
    #expect(!dumped.contains("115"))
    #expect(ExternalAccountBinding(keyID: "", key: "c2VjcmV0") == nil)
    #expect(ExternalAccountBinding(keyID: "a", key: "!!") == nil)
  }

  @Test("a deactivated account cannot be used again", arguments: [nil, Fault.droppedAfter, .status500])
  func deactivated(_ fault: Fault?) async throws {
    let harness = try Harness(faults: fault.map { [3: $0] } ?? [:])
    _ = try await harness.client.existingAccount()
    let account = try Harness(sharing: harness.ca)
    _ = try await account.client.account()
    try await harness.client.deactivateAccount()
    let later = try Harness(sharing: harness.ca)
    let error = await later.failure()
    #expect(error?.step == .account)
    #expect(error?.problem?.kind == .unauthorized)
  }

  @Test("a certificate is revoked by its account, by its key, and once", arguments: [true, false])
  func revoked(_ byKey: Bool) async throws {
    let harness = try Harness()
    let chain = try await harness.issue()
    // Another account may not order for it, but holds the certificate's key.
    let client = byKey ? try Harness(sharing: harness.ca).client : harness.client
    for _ in 0..<2 {
      try await client.revoke(
        chain.leaf, reason: .superseded, by: byKey ? .certificate(harness.request.key) : .account)
    }
    #expect(await harness.ca.state.revoked == [chain.leaf.der])
  }

  @Test(
    "a stranger's account is refused, and the certificate's key does where the account may be tried first")
  func revokedByEither() async throws {
    let harness = try Harness()
    let chain = try await harness.issue()
    let stranger = try Harness(sharing: harness.ca, accountKey: .generate(.ecP256))
    _ = try await stranger.client.account()
    await #expect(throws: ACMEError.self) {
      try await stranger.client.revoke(chain.leaf, reason: .superseded)
    }
    #expect(await harness.ca.state.revoked.isEmpty)
    try await stranger.client.revoke(chain.leaf, reason: .superseded, by: .either(harness.request.key))
    #expect(await harness.ca.state.revoked == [chain.leaf.der])
  }

  @Test("where the account is not known, the certificate's key revokes and no account is made")
  func revokedWithoutAccount() async throws {
    let harness = try Harness()
    let chain = try await harness.issue()
    let later = try Harness(sharing: harness.ca, accountKey: .generate(.ecP256))
    try await later.client.revoke(chain.leaf, reason: .keyCompromise, by: .either(harness.request.key))
    #expect(await harness.ca.state.revoked == [chain.leaf.der])
    #expect(await harness.ca.state.accounts.count == 1)
  }

  @Test(
    "a reason has a name and a number",
    arguments: [
      ("keyCompromise", RevocationReason.keyCompromise), ("key-compromise", .keyCompromise),
      ("KEYCOMPROMISE", .keyCompromise), ("1", .keyCompromise), ("0", .unspecified), ("4", .superseded),
      ("cessation-of-operation", .cessationOfOperation), ("5", .cessationOfOperation), ("2", nil), ("", nil),
      ("compromise", nil),
    ] as [(String, RevocationReason?)])
  func reasons(text: String, reason: RevocationReason?) {
    #expect(RevocationReason(text) == reason)
  }

  @Test("a revocation survives being broken", arguments: Fault.passing)
  func brokenRevocation(_ fault: Fault) async throws {
    let clean = try Harness()
    let chain = try await clean.issue()
    let harness = try Harness(faults: [3: fault], sharing: clean.ca)
    try await harness.client.revoke(chain.leaf, reason: .keyCompromise)
    #expect(await clean.ca.state.revoked == [chain.leaf.der])
  }

  @Test("renewal information is read, and is nil where there is none")
  func renewalInfo() async throws {
    let harness = try Harness()
    let info = try #require(try await harness.client.renewalInfo(for: "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"))
    #expect(info.start.description == "2027-01-20T00:00:00Z")
    #expect(info.end.description == "2027-01-21T00:00:00Z")
    #expect(info.askAgainAt == TestClock.start + 21_600)
    #expect(harness.wire.requests.last == "GET /renewal/aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE")
    #expect(
      try await Harness(Dialect(hasRenewalInfo: false)).client.renewalInfo(
        for: "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE") == nil)
  }

  @Test("renewal information survives being broken", arguments: Fault.passing)
  func brokenRenewalInfo(_ fault: Fault) async throws {
    let harness = try Harness(faults: [1: fault])
    #expect(try await harness.client.renewalInfo(for: "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE") != nil)
  }
}
