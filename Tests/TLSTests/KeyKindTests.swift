import COpenSSL
import PKI
import TLS
import TestPeers
import TestSupport
import TestRun
import Testing

/// Certificates with keys of several kinds for one name, chosen by what the client can verify.
@Suite(.ownThread) struct KeyKindTests {
  private static let rsa = "RSA-PSS+SHA256:RSA+SHA256"
  private static let ecdsa = "ECDSA+SHA256"

  /// What a client is shown; nil when there is no handshake.
  private func shown(_ credentials: [Credential], _ offer: RawClient.Offer) throws -> String? {
    let client = try #require(RawClient(offer))
    let peer = try #require(Peer(server: server(credentials, .compatible)))
    guard client.meet(peer) else { return nil }
    return credentials.first { $0.chain.first == client.leaf }?.label
  }

  private func both() throws -> [Credential] {
    let authority = try TestAuthority()
    return [
      try authority.credential("a.example", type: .rsa2048, label: "rsa"),
      try authority.credential("a.example", label: "ecdsa"),
    ]
  }

  @Test(
    "of two certificates for a name each client is shown the one that it can verify, ECDSA if both",
    arguments: [TLS1_2_VERSION, TLS1_3_VERSION], ["a.example", "b.example", nil])
  func choice(version: Int32, host: String?) throws {
    let credentials = try both()
    func offer(_ signatures: String?) -> RawClient.Offer {
      RawClient.Offer(maximum: version, host: host, signatures: signatures)
    }
    #expect(try shown(credentials, offer(Self.rsa)) == "rsa")
    #expect(try shown(credentials, offer(Self.ecdsa)) == "ecdsa")
    #expect(try shown(credentials, offer(nil)) == "ecdsa")
    #expect(try shown(credentials.reversed(), offer(Self.rsa)) == "rsa")
  }

  @Test("one certificate alone is presented as ever, and refused by those who cannot verify it")
  func alone() throws {
    let credentials = try both()
    #expect(try shown([credentials[0]], .init()) == "rsa")
    #expect(try shown([credentials[0]], .init(signatures: Self.ecdsa)) == nil)
  }

  @Test("certificates that share only some of their names stand in for each other only there")
  func overlap() throws {
    let authority = try TestAuthority()
    let credentials = [
      try authority.credential("a.example", "b.example", label: "ecdsa"),
      try authority.credential("b.example", "c.example", type: .rsa2048, label: "rsa"),
      try authority.credential("b.example", label: "late"),
    ]
    func shown(_ host: String, _ signatures: String?) throws -> String? {
      try self.shown(credentials, .init(host: host, signatures: signatures))
    }
    #expect(try shown("a.example", Self.rsa) == nil)
    #expect(try shown("b.example", Self.rsa) == "rsa")
    #expect(try shown("b.example", Self.ecdsa) == "ecdsa")
    #expect(try shown("c.example", nil) == "rsa")
  }

  @Test("a client that names no server is shown the certificate for an address, an unknown name the first")
  func nameless() throws {
    let authority = try TestAuthority()
    let address = try authority.credential("a.example", label: "address")
    let credentials = [
      try authority.credential("b.example", label: "first"),
      Credential(
        label: "address", chain: address.chain, privateKeyPEM: address.privateKeyPEM, names: ["192.0.2.1"]),
    ]
    #expect(try shown(credentials, .init(host: nil)) == "address")
    #expect(try shown(credentials, .init(host: "unknown.example")) == "first")
    #expect(try shown(credentials, .init(host: "192.0.2.1")) == "address")
    #expect(try shown(credentials, .init(host: "b.example")) == "first")
  }

  @Test("our own client is shown the kind that it asks for", arguments: [true, false])
  func ownClient(wantsRSA: Bool) throws {
    let authority = try TestAuthority()
    let credentials = [
      try authority.credential("a.example", label: "ecdsa"),
      try authority.credential("a.example", type: .rsa2048, label: "rsa"),
    ]
    let client = try ClientContext(trust: authority.trust, accepts: wantsRSA ? .rsa : .ecdsa)
    let handshake = try #require(Handshake(client, try server(credentials)))
    #expect(handshake.succeeded)
    #expect(handshake.client.session.peerChain.first == credentials[wantsRSA ? 1 : 0].chain[0])
  }
}
