import COpenSSL
import TLS
import TestPeers
import TestSupport
import TestRun
import Testing

/// What servers ask of clients' certificates, in TLS 1.2 and 1.3.
@Suite(.ownThread) struct ClientCertificateTests {
  static let versions = [TLS1_2_VERSION, TLS1_3_VERSION]
  private static let authority = Result { try TestAuthority() }

  /// A server that verifies clients.
  private func context(
    _ mode: ClientVerification.Mode, _ authorities: [ClientAuthority], lists: [[UInt8]] = [],
    tickets: TicketKeys = ticketKeys()
  ) throws -> ServerContext {
    try ServerContext(
      credentials: [
        Self.authority.get().credential("default.test"), Self.authority.get().credential("a.example"),
      ],
      profile: .modern, tickets: tickets,
      clients: .init(mode: mode, authoritiesPEM: authorities.map(\.pem), revocationLists: lists))
  }

  /// How a client fares: the identity that the server learned, and why it was refused.
  private func meet(
    _ context: ServerContext, _ credential: Credential?, _ version: Int32, session: RawClient.Ticket? = nil
  ) throws -> (peer: Peer, client: RawClient, succeeded: Bool) {
    let client = try #require(RawClient(.init(maximum: version, session: session, credential: credential)))
    let peer = try #require(Peer(server: context))
    return (peer, client, client.meet(peer))
  }

  @Test("a client whose certificate leads to an authority is let in and known", arguments: versions)
  func known(_ version: Int32) throws {
    let clients = try ClientAuthority()
    let alice = try clients.client("CN=alice,O=Example", names: "URI:spiffe://example/alice,DNS:alice.test")
    for mode in [ClientVerification.Mode.request, .require] {
      let met = try meet(context(mode, [clients]), alice, version)
      #expect(met.succeeded, "\(met.peer.reason)")
      let identity = try #require(met.peer.session.verifiedPeer)
      #expect(identity.certificate == alice.chain[0])
      #expect(identity.subject == "O=Example,CN=alice")
      #expect(identity.names == ["URI:spiffe://example/alice", "DNS:alice.test"])
      #expect(identity.label == identity.subject)
    }
  }

  @Test("without a certificate a client is let in where one is requested only", arguments: versions)
  func without(_ version: Int32) throws {
    let clients = try ClientAuthority()
    let requested = try meet(context(.request, [clients]), nil, version)
    #expect(requested.succeeded)
    #expect(requested.peer.session.verifiedPeer == nil)
    let required = try meet(context(.require, [clients]), nil, version)
    #expect(!required.succeeded)
    #expect(required.peer.reason.contains("did not return a certificate"), "\(required.peer.reason)")
  }

  @Test("a certificate that does not verify is refused in either mode", arguments: versions)
  func refused(_ version: Int32) throws {
    let (clients, strangers) = (try ClientAuthority(), try ClientAuthority("Strangers"))
    let rows: [(Credential, String)] = [
      (try strangers.client(), "unable to get local issuer"),
      (try clients.client(days: -1, startDays: -5), "expired"),
      (try clients.client(days: 5, startDays: 2), "not yet valid"),
      (try clients.client(usage: "serverAuth"), "unsuitable certificate purpose"),
    ]
    for (credential, reason) in rows {
      for mode in [ClientVerification.Mode.request, .require] {
        let met = try meet(context(mode, [clients]), credential, version)
        #expect(!met.succeeded)
        #expect(met.peer.session.verifiedPeer == nil)
        #expect(met.peer.reason.contains(reason), "\(met.peer.reason)")
      }
    }
  }

  @Test("nothing is known of a client where nothing is asked, whatever it has", arguments: versions)
  func off(_ version: Int32) throws {
    let plain = try server([Self.authority.get().credential("a.example")])
    let met = try meet(plain, try ClientAuthority().client(), version)
    #expect(met.succeeded)
    #expect(met.peer.session.verifiedPeer == nil)
  }

  @Test("an intermediate is trusted by itself, and a chain under a root with the intermediate that is sent")
  func chains() throws {
    let root = try ClientAuthority("Root")
    let intermediate = try ClientAuthority("Intermediate", under: root)
    let credential = try intermediate.client()
    for trusted in [root, intermediate] {
      #expect(try meet(context(.require, [trusted]), credential, TLS1_3_VERSION).succeeded)
    }
  }

  // MARK: Revocation

  @Test("a revoked certificate is refused, another of the same authority is not", arguments: versions)
  func revoked(_ version: Int32) throws {
    let clients = try ClientAuthority()
    let (alice, bob) = (try clients.client("CN=alice"), try clients.client("CN=bob"))
    for asDER in [false, true] {
      let context = try context(.request, [clients], lists: [clients.revoking([bob], asDER: asDER)])
      #expect(try meet(context, alice, version).succeeded)
      let met = try meet(context, bob, version)
      #expect(!met.succeeded)
      #expect(met.peer.reason.contains("revoked"), "\(met.peer.reason)")
    }
  }

  @Test("an expired list refuses its authority's clients, and is told beforehand")
  func expiredList() throws {
    let (old, fresh) = (try ClientAuthority("Old"), try ClientAuthority("Fresh"))
    let lists = [try old.revoking(untilSeconds: -60), try fresh.revoking()]
    let context = try context(.require, [old, fresh], lists: lists)
    let met = try meet(context, old.client(), TLS1_3_VERSION)
    #expect(!met.succeeded)
    #expect(met.peer.reason.contains("CRL has expired"), "\(met.peer.reason)")
    #expect(try meet(context, fresh.client(), TLS1_3_VERSION).succeeded)
    let verification = ClientVerification(
      mode: .require, authoritiesPEM: [old.pem, fresh.pem], revocationLists: lists)
    let warnings = try verification.inspect()
    #expect(warnings.count == 1)
    #expect(warnings.first?.contains("CN=Old has expired") == true)
  }

  @Test("with lists at all, the client's own issuer must have one; authorities above it need not")
  func missingList() throws {
    let (listed, bare) = (try ClientAuthority("Listed"), try ClientAuthority("Bare"))
    let intermediate = try ClientAuthority("Intermediate", under: bare)
    let context = try context(
      .require, [listed, bare, intermediate], lists: [listed.revoking(), intermediate.revoking()])
    #expect(try meet(context, listed.client(), TLS1_3_VERSION).succeeded)
    #expect(try meet(context, intermediate.client(), TLS1_3_VERSION).succeeded)
    let met = try meet(context, bare.client(), TLS1_3_VERSION)
    #expect(!met.succeeded)
    #expect(met.peer.reason.contains("unable to get certificate CRL"), "\(met.peer.reason)")
  }

  @Test("parts that cannot be used are told when the context is made, not to clients")
  func unusable() throws {
    let (clients, strangers) = (try ClientAuthority(), try ClientAuthority("Strangers"))
    let list = String(decoding: try clients.revoking(), as: UTF8.self)
    var damaged = Array(list.utf8)
    damaged[100] = 0x21
    let rows: [([[UInt8]], [[UInt8]], String)] = [
      ([], [], "there are none"), ([latin1("no PEM")], [], "no PEM certificate found"),
      ([clients.pem], [latin1("no PEM")], "no PEM revocation list found"),
      ([clients.pem], [try strangers.revoking()], "none of the authorities has signed it"),
      ([clients.pem], [Array(list.utf8) + damaged], "read a revocation list"),
      ([clients.pem], [[0x30, 0x03, 0x01]], "read a revocation list"),
    ]
    for (authorities, lists, message) in rows {
      let verification = ClientVerification(
        mode: .require, authoritiesPEM: authorities, revocationLists: lists)
      let error = #expect(throws: ContextError.self) { try verification.inspect() }
      #expect(error?.description.contains(message) == true, "\(error?.description ?? "") for \(message)")
    }
  }

  // MARK: Resumption

  /// Meets one context, then another with the ticket of the first.
  private func resume(
    _ first: ServerContext, _ second: ServerContext, _ credential: Credential?, _ version: Int32
  ) throws -> (peer: Peer, client: RawClient, succeeded: Bool) {
    let met = try meet(first, credential, version)
    #expect(met.succeeded)
    let session = try #require(met.client.ticket())
    // The certificate is not shown again: whoever is let in is so by the ticket alone.
    return try meet(second, nil, version, session: session)
  }

  @Test("a resumed session knows the client as the first one did", arguments: versions)
  func resumed(_ version: Int32) throws {
    let clients = try ClientAuthority()
    let alice = try clients.client()
    let context = try context(.require, [clients], lists: [clients.revoking()])
    let met = try resume(context, context, alice, version)
    #expect(met.succeeded)
    #expect(met.client.wasResumed)
    #expect(met.peer.session.verifiedPeer?.certificate == alice.chain[0])
  }

  @Test(
    "a ticket of a listener that asks less is no way into one that requires a certificate",
    arguments: versions)
  func foreignTicket(_ version: Int32) throws {
    let clients = try ClientAuthority()
    let keys = ticketKeys()
    let strict = try context(.require, [clients], tickets: keys)
    let lenient = [
      try server([Self.authority.get().credential("a.example")], tickets: keys),
      try context(.request, [clients], tickets: keys),
    ]
    for first in lenient {
      let met = try resume(first, strict, nil, version)
      #expect(!met.succeeded)
      #expect(!met.client.wasResumed)
    }
    // Nor is one that was earned by a certificate of authorities that count elsewhere.
    let others = try ClientAuthority("Others")
    let elsewhere = try context(.require, [others], tickets: keys)
    #expect(try !resume(elsewhere, strict, others.client(), version).succeeded)
  }

  @Test("a client that was revoked since does not come back by its ticket", arguments: versions)
  func revokedSince(_ version: Int32) throws {
    let clients = try ClientAuthority()
    let keys = ticketKeys()
    let alice = try clients.client()
    let before = try context(.require, [clients], lists: [clients.revoking()], tickets: keys)
    let after = try context(.require, [clients], lists: [clients.revoking([alice])], tickets: keys)
    #expect(try !resume(before, after, alice, version).succeeded)
  }

  @Test("a session is not resumed under another profile", arguments: versions)
  func otherProfile(_ version: Int32) throws {
    let keys = ticketKeys()
    let credential = try Self.authority.get().credential("a.example")
    let met = try resume(
      server([credential], .compatible, tickets: keys), server([credential], .modern, tickets: keys), nil,
      version)
    #expect(met.succeeded)
    #expect(!met.client.wasResumed)
  }

  // MARK: Towards others

  @Test("our own client shows its certificate where it is asked for one, and none otherwise")
  func ourOwn() throws {
    let clients = try ClientAuthority()
    let alice = try clients.client()
    let trust = try Self.authority.get().trust
    let strict = try context(.require, [clients])
    let met = try #require(Handshake(try ClientContext(trust: trust, identity: alice), strict))
    #expect(met.succeeded)
    #expect(met.server.session.verifiedPeer?.certificate == alice.chain[0])
    let bare = try #require(Handshake(try ClientContext(trust: trust), strict))
    #expect(!bare.succeeded)
    var broken = try clients.client()
    broken = Credential(
      label: "broken", chain: alice.chain, privateKeyPEM: broken.privateKeyPEM, names: [])
    #expect(throws: ContextError.self) { try ClientContext(trust: trust, identity: broken) }
  }
}
