import ACME
import PKI
import TestRun
import Testing

/// Key rollover (RFC 8555 §7.3.5).
@Suite(.ownThread) struct KeyChangeTests {
  /// The new key's public half in the CA's accounts.
  private func holds(_ harness: Harness, _ key: PrivateKey) async throws -> Bool {
    let later = try Harness(sharing: harness.ca, accountKey: key)
    return try await later.client.existingAccount() != nil
  }

  @Test("after a change the new key holds, the old one does not, and the client goes on")
  func changed() async throws {
    let harness = try Harness()
    let account = try await harness.client.account()
    let new = try PrivateKey.generate(.ecP256)
    try await harness.client.changeKey(to: KeySigner(new))
    #expect(try await holds(harness, new))
    #expect(try await Harness(sharing: harness.ca).client.existingAccount() == nil)
    #expect(try await harness.client.account().url == account.url)
    try await harness.issue()
  }

  @Test(
    "a change survives being broken, also when it has taken effect without an answer",
    arguments: Fault.passing)
  func broken(_ fault: Fault) async throws {
    let first = try Harness()
    _ = try await first.client.account()
    // Directory, nonce, account, then the change.
    let harness = try Harness(faults: [3: fault], notebook: first.notebook, sharing: first.ca)
    _ = try await harness.client.account()
    let new = try PrivateKey.generate(.ecP256)
    try await harness.client.changeKey(to: KeySigner(new))
    #expect(try await holds(harness, new))
    try await harness.issue()
  }

  @Test("a CA without key rollover says so, in either way", arguments: [true, false])
  func unsupported(isAdvertised: Bool) async throws {
    let harness = try Harness(Dialect(hasKeyChange: isAdvertised, lacksKeyChange: true))
    _ = try await harness.client.account()
    let new = try KeySigner(PrivateKey.generate(.ecP256))
    await #expect {
      try await harness.client.changeKey(to: new)
    } throws: { "\($0)".contains("key rollover") && "\($0)".contains("register a new account instead") }
    try await harness.issue()
  }

  @Test("a key that another account has is refused, and the old one goes on")
  func taken() async throws {
    let harness = try Harness()
    _ = try await harness.client.account()
    let key = try PrivateKey.generate(.ecP256)
    let other = try Harness(sharing: harness.ca, accountKey: key)
    _ = try await other.client.account()
    await #expect(throws: ACMEError.self) { try await harness.client.changeKey(to: KeySigner(key)) }
    try await harness.issue()
  }
}
