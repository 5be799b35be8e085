import PKI
import TLS
import TestPeers
import TestSupport
import TestRun
import Testing

@Suite(.ownThread) struct ServerNameTests {
  @Test(
    "a server name leads to its certificate: exact before wildcard before the first",
    arguments: [
      ("a.example", "exact"), ("A.EXAMPLE", "exact"), ("a.example.", "exact"), ("b.example", "wildcard"),
      ("B.Example", "wildcard"), ("b.example.", "wildcard"), ("c.b.example", "default"),
      ("example", "default"),
      ("other.test", "default"), (nil, "default"),
    ] as [(String?, String)])
  func choice(_ host: String?, _ expected: String) throws {
    let authority = try TestAuthority()
    let credentials = [
      try authority.credential("default.test", label: "default"),
      try authority.credential("*.example", label: "wildcard"),
      try authority.credential("a.example", label: "exact"),
    ]
    let client = try #require(RawClient(.init(host: host)))
    let peer = try #require(Peer(server: server(credentials)))
    #expect(client.meet(peer))
    #expect(credentials.first { $0.chain.first == client.leaf }?.label == expected)
  }

  @Test("of two certificates for one name the first is used")
  func duplicate() throws {
    let authority = try TestAuthority()
    let credentials = [
      try authority.credential("a.example", label: "1"), try authority.credential("a.example", label: "2"),
    ]
    let client = try #require(RawClient())
    let peer = try #require(Peer(server: server(credentials)))
    #expect(client.meet(peer))
    #expect(client.leaf == credentials[0].chain.first)
  }

  @Test("without any certificate every handshake is refused")
  func none() throws {
    let client = try #require(RawClient())
    let peer = try #require(Peer(server: server([])))
    #expect(!client.meet(peer))
    #expect(peer.reason.contains("no suitable") || peer.reason.contains("no shared"))
  }

  @Test("a session outlives its context; new ones see the new certificate")
  func replacedContext() throws {
    let authority = try TestAuthority()
    let old = try authority.credential("a.example")
    let new = try authority.credential("a.example")
    var context: ServerContext? = try server([old])
    let first = try #require(RawClient())
    let firstPeer = try #require(context.flatMap { Peer(server: $0) })
    #expect(first.meet(firstPeer))
    context = try server([new])
    #expect(firstPeer.read(first.write("still here")).text == Array("still here".utf8))
    let second = try #require(RawClient())
    let secondPeer = try #require(context.flatMap { Peer(server: $0) })
    #expect(second.meet(secondPeer))
    #expect(first.leaf == old.chain.first)
    #expect(second.leaf == new.chain.first)
    // One that has begun to shake hands with a context that is dropped meanwhile goes on, too.
    let late = try #require(RawClient())
    let latePeer = try #require(context.flatMap { Peer(server: $0) })
    context = nil
    #expect(late.meet(latePeer))
  }

  @Test("a credential that does not fit together is refused with its label, never its key")
  func badCredentials() throws {
    let authority = try TestAuthority()
    let good = try authority.credential("a.example", label: "good")
    let other = try authority.credential("a.example")
    let key = String(decoding: good.privateKeyPEM, as: UTF8.self)
    let bad: [(Credential, String)] = [
      (Credential(label: "x", chain: good.chain, privateKeyPEM: other.privateKeyPEM, names: []), "key"),
      (Credential(label: "x", chain: good.chain, privateKeyPEM: [], names: []), "private key"),
      (
        Credential(label: "x", chain: good.chain, privateKeyPEM: Array("garbage".utf8), names: []),
        "private key"
      ),
      (
        Credential(label: "x", chain: [[1, 2, 3]], privateKeyPEM: good.privateKeyPEM, names: []),
        "certificate 1"
      ),
      (
        Credential(label: "x", chain: [good.chain[0], []], privateKeyPEM: good.privateKeyPEM, names: []),
        "certificate 2"
      ),
      (Credential(label: "x", chain: [], privateKeyPEM: good.privateKeyPEM, names: []), "private key"),
    ]
    for (credential, part) in bad {
      let error = #expect(throws: ContextError.self) { _ = try server([good, credential]) }
      #expect(error?.description.contains(" of x") == true, "\(String(describing: error))")
      #expect(error?.description.contains(part) == true, "\(String(describing: error))")
    }
    #expect(!good.description.contains(key.prefix(40)))
    // Nothing stays behind that would spoil the next session.
    let client = try #require(RawClient())
    #expect(client.meet(try #require(Peer(server: server([good])))))
  }

  @Test("what has not changed is taken over from the context before, and only for the same demands")
  func takenOver() throws {
    let authority = try TestAuthority()
    let tickets = ticketKeys()
    var all = try (0..<5).map { try authority.credential("h\($0).test") }
    func make(_ profile: Profile = .modern, reusing previous: ServerContext?) throws -> ServerContext {
      try ServerContext(credentials: all, profile: profile, tickets: tickets, reusing: previous)
    }
    let first = try make(reusing: nil)
    #expect(first.loadedGroups == 5)
    #expect(try make(reusing: first).loadedGroups == 0)
    all[2] = try authority.credential("h2.test")
    all.removeLast()
    var second: ServerContext? = try make(reusing: first)
    #expect(second?.loadedGroups == 1)
    let third = try make(reusing: second)
    second = nil
    for (number, credential) in all.enumerated() {
      let client = try #require(RawClient(.init(host: "h\(number).test")))
      #expect(client.meet(try #require(Peer(server: third))))
      #expect(client.leaf == credential.chain.first)
    }
    #expect(try make(.restricted, reusing: third).loadedGroups == 4)
  }

  @Test("a server name that is no UTF-8 is as long as the client sent it")
  func notText() throws {
    let authority = try TestAuthority()
    let context = try server([try authority.credential("localhost")])
    let name = String(repeating: "a", count: 20)
    let client = try #require(Peer(client: try ClientContext(trust: authority.trust), host: name))
    client.handshake()
    var hello = client.take()
    let at = try #require(hello.indices.first { hello[$0...].starts(with: Array(name.utf8)) })
    hello.replaceSubrange(at..<at + 20, with: repeatElement(0xFF, count: 20))
    let peer = try #require(Peer(server: context))
    peer.handshake(hello)
    let seen = peer.session.withServerName { Array(UnsafeBufferPointer(start: $0, count: $1)) }
    #expect(seen == [UInt8](repeating: 0xFF, count: 20))
  }
}
