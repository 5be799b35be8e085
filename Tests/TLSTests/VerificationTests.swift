import PKI
import TLS
import TestPeers
import TestSupport
import TestRun
import Testing

@Suite(.ownThread) struct VerificationTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let names: [String]
    let host: String
    var days: Int64 = 30
    var startDaysAgo: Int64 = 1
    /// What the reason says; nil when the certificate is good.
    let reason: String?
    var testDescription: String { "\(names) for \(host)" }
  }

  @Test(
    "the peer's certificate must be for the host, and the reason says what is wrong",
    arguments: [
      Case(names: ["a.example"], host: "a.example", reason: nil),
      Case(names: ["a.example"], host: "A.Example", reason: nil),
      Case(names: ["a.example"], host: "a.example.", reason: nil),
      Case(names: ["*.example.org"], host: "b.example.org", reason: nil),
      Case(names: ["*.example.org"], host: "c.b.example.org", reason: "hostname mismatch"),
      Case(names: ["*.example.org"], host: "example.org", reason: "hostname mismatch"),
      Case(names: ["a.example"], host: "b.example", reason: "hostname mismatch"),
      Case(names: ["192.0.2.1"], host: "192.0.2.1", reason: nil),
      Case(names: ["2001:db8::1"], host: "2001:db8::1", reason: nil),
      Case(names: ["192.0.2.1"], host: "192.0.2.2", reason: "IP address mismatch"),
      Case(names: ["a.example"], host: "192.0.2.1", reason: "IP address mismatch"),
      Case(names: ["a.example"], host: "a.example", days: 2, startDaysAgo: 5, reason: "expired"),
      Case(names: ["a.example"], host: "a.example", startDaysAgo: -2, reason: "not yet valid"),
    ])
  func table(_ expected: Case) throws {
    let authority = try TestAuthority()
    let credential = try authority.credential(
      expected.names[0], days: expected.days, startDaysAgo: expected.startDaysAgo)
    let context = try ClientContext(trust: authority.trust)
    let met = try #require(Handshake(context, server([credential]), host: expected.host))
    #expect((met.client.step == .complete) == (expected.reason == nil))
    guard let reason = expected.reason else { return }
    let told = met.client.reason
    #expect(told.hasPrefix("certificate verify failed: "))
    #expect(told.contains(reason), "\(told)")
    // The server hears of it by an alert, and its queue is its own.
    #expect(met.server.reason.contains("alert"))
  }

  @Test("an unknown root is refused unless verification is switched off")
  func unknownRoot() throws {
    let credential = try TestAuthority().credential("a.example")
    let strict = try #require(
      Handshake(try ClientContext(trust: TestAuthority("Another").trust), server([credential])))
    #expect(strict.client.step == .failed)
    #expect(strict.client.reason.contains("issuer certificate"))
    Failure.clear()
    let lax = try #require(
      Handshake(
        try ClientContext(trust: .init(system: false, verifies: false)), server([credential]),
        host: "b.example"))
    #expect(lax.succeeded)
    #expect(lax.client.session.peerChain == credential.chain)
  }

  @Test("a failure that has nothing to do with an unverified certificate does not blame it")
  func unverifiedFailure() throws {
    let credential = try TestAuthority().credential("a.example")
    let lax = try #require(
      Handshake(try ClientContext(trust: .init(system: false, verifies: false)), server([credential])))
    #expect(lax.client.read(Array("no TLS record at all".utf8)).end == .failed)
    let reason = lax.client.reason
    #expect(!reason.contains("certificate"))
    #expect(reason.contains("wrong version number") || reason.contains("record"), "\(reason)")
  }

  @Test("another name may be verified and sent than the host")
  func serverName() throws {
    let authority = try TestAuthority()
    let context = try ClientContext(trust: authority.trust, serverName: "a.example")
    let met = try #require(Handshake(context, server([authority.credential("a.example")]), host: "10.0.0.1"))
    #expect(met.succeeded)
  }

  @Test("several roots in one text are all trusted; a text without any is refused")
  func roots() throws {
    let (one, two) = (try TestAuthority("One"), try TestAuthority("Two"))
    let context = try ClientContext(trust: .init(system: false, extraPEM: [one.root.pem + two.root.pem]))
    for authority in [one, two] {
      #expect(try #require(Handshake(context, server([authority.credential("a.example")]))).succeeded)
    }
    for text in ["", "garbage", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
      let error = #expect(throws: ContextError.self) {
        _ = try ClientContext(trust: .init(system: false, extraPEM: [Array(text.utf8)]))
      }
      #expect(error?.step == "read the trusted roots")
    }
  }
}
