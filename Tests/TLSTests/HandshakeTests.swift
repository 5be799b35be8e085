import COpenSSL
import PKI
import TLS
import TestPeers
import TestSupport
import TestRun
import Testing

@Suite(.ownThread) struct HandshakeTests {
  @Test(
    "client and server meet with every key type and version",
    arguments: [KeyType.ecP256, .ecP384, .rsa2048], [Session.StaticVersion.tls12, .tls13])
  func meet(_ type: KeyType, _ version: Session.StaticVersion) throws {
    let authority = try TestAuthority()
    let context = try server([authority.credential("a.example", type: type)])
    if version == .tls13 {
      let met = try #require(Handshake(try ClientContext(trust: authority.trust), context))
      #expect(met.succeeded, "\(met.client.reason) \(met.server.reason)")
      #expect(met.server.session.version == .tls13)
      #expect(met.client.session.version == .tls13)
      #expect(met.client.write(Array("ping".utf8)))
      #expect(met.server.read(met.client.take()).text == Array("ping".utf8))
      #expect(met.server.write(Array("pong".utf8)))
      #expect(met.client.read(met.server.take()).text == Array("pong".utf8))
    } else {
      let client = try #require(RawClient(.init(maximum: TLS1_2_VERSION)))
      let peer = try #require(Peer(server: context))
      #expect(client.meet(peer))
      #expect(peer.session.version == .tls12)
      #expect(client.cipher.hasPrefix("ECDHE-"))
      #expect(peer.read(client.write("ping")).text == Array("ping".utf8))
    }
  }

  @Test(
    "old versions are refused, and so is TLS 1.2 where only 1.3 is wanted",
    arguments: [TLS1_VERSION, TLS1_1_VERSION])
  func oldVersions(_ version: Int32) throws {
    let credential = try TestAuthority().credential("a.example")
    for (maximum, profile) in [
      (version, Profile.modern), (version, .compatible), (TLS1_2_VERSION, .restricted),
    ] {
      let client = try #require(RawClient(.init(maximum: maximum)))
      let peer = try #require(Peer(server: server([credential], profile)))
      #expect(!client.meet(peer))
      #expect(peer.reason.contains("unsupported protocol"))
    }
  }

  @Test(
    "a suite without forward secrecy or authentication is refused",
    arguments: [
      "AES128-SHA", "AES256-GCM-SHA384", "AES128-GCM-SHA256:AES128-SHA256", "ADH-AES128-SHA", "NULL-SHA",
      "DHE-RSA-AES128-SHA",
    ])
  func suites(_ ciphers: String) throws {
    let authority = try TestAuthority()
    let credential = try authority.credential("a.example", type: .rsa2048)
    for profile in [Profile.modern, .compatible] {
      let client = try #require(RawClient(.init(maximum: TLS1_2_VERSION, ciphers: ciphers + ":@SECLEVEL=0")))
      let peer = try #require(Peer(server: server([credential], profile)))
      #expect(!client.meet(peer), "\(ciphers)")
      #expect(!peer.reason.isEmpty)
    }
  }

  @Test("CBC suites with forward secrecy are for the compatible profile")
  func compatible() throws {
    let credential = try TestAuthority().credential("a.example", type: .rsa2048)
    for (profile, accepted) in [(Profile.modern, false), (.compatible, true)] {
      let client = try #require(
        RawClient(.init(maximum: TLS1_2_VERSION, ciphers: "ECDHE-RSA-AES128-SHA:@SECLEVEL=0")))
      let peer = try #require(Peer(server: server([credential], profile)))
      #expect(client.meet(peer) == accepted)
    }
  }

  @Test("a renegotiation is refused, and the session goes on or ends without one")
  func renegotiation() throws {
    let credential = try TestAuthority().credential("a.example")
    let client = try #require(RawClient(.init(maximum: TLS1_2_VERSION)))
    let peer = try #require(Peer(server: server([credential])))
    #expect(client.meet(peer))
    let hello = client.renegotiate()
    #expect(!hello.isEmpty)
    let (text, _) = peer.read(hello)
    #expect(text.isEmpty)
    _ = client.feed(peer.take())
    #expect(!client.isComplete)
    Failure.clear()
  }

  @Test(
    "the first of our protocols that the client offers is chosen; without any the handshake ends",
    arguments: [
      (["h2", "http/1.1"], ["http/1.1", "h2"], ApplicationProtocol.http2),
      (["http/1.1"], ["h2", "http/1.1"], .http11),
      (["http/1.1", "http/1.0"], ["http/1.0"], .http11), (["http/1.1"], [], ApplicationProtocol.none),
      (["http/1.1"], ["h2"], nil),
      (["http/1.1"], ["http/1.10", "ttp/1.1"], nil),
    ] as [([String], [String], ApplicationProtocol?)])
  func applicationProtocols(_ ours: [String], _ theirs: [String], _ chosen: ApplicationProtocol?) throws {
    var profile = Profile.modern
    profile.applicationProtocols = ours
    let credential = try TestAuthority().credential("a.example")
    for host in ["a.example", "unknown.example"] {
      let client = try #require(RawClient(.init(host: host, protocols: theirs)))
      let peer = try #require(Peer(server: server([credential], profile)))
      #expect(client.meet(peer) == (chosen != nil))
      if let chosen { #expect(peer.session.applicationProtocol == chosen) }
    }
  }

  @Test("one close notification ends a direction, and is told as closed")
  func closing() throws {
    let authority = try TestAuthority()
    let met = try #require(
      Handshake(try ClientContext(trust: authority.trust), server([authority.credential("a.example")])))
    #expect(met.succeeded)
    #expect(met.server.write(Array("bye".utf8)))
    met.server.session.shutdown()
    let (text, end) = met.client.read(met.server.take())
    #expect(text == Array("bye".utf8))
    #expect(end == .closed)
    #expect(met.client.session.peerHasClosed)
    #expect(!met.server.session.peerHasClosed)
  }

  @Test(
    "as much as one write may be given fits into an empty pipe, and arrives in parts of any size",
    arguments: [1, 777, 16_384, 200_000])
  func largeWrites(_ part: Int) throws {
    let authority = try TestAuthority()
    let met = try #require(
      Handshake(try ClientContext(trust: authority.trust), server([authority.credential("a.example")])))
    var random = SeededGenerator(seed: 2)
    let text = random.bytes(Session.maximumWrite)
    #expect(met.server.write(text))
    let records = met.server.take()
    #expect(records.count > text.count)
    var received: [UInt8] = []
    for at in stride(from: 0, to: records.count, by: part) {
      let (more, end) = met.client.read(Array(records[at..<min(records.count, at + part)]))
      received += more
      #expect(end == .wantRead)
    }
    #expect(received == text)
  }

  @Test("what a session has not consumed stays in the pipe, to be parked and shown again")
  func parkedInput() throws {
    let authority = try TestAuthority()
    let context = try ClientContext(trust: authority.trust)
    let serverSide = try server([authority.credential("a.example")])
    let pipe = RecordPipe()
    let made = Session(client: context, host: "a.example", pipe: pipe)
    let session = try #require(made)
    defer { session.free() }
    let peer = try #require(Peer(server: serverSide))
    #expect(session.handshake() == .wantRead)
    let hello = Array(pipe.output)
    pipe.clearOutput()
    #expect(peer.handshake(hello) == .wantRead)
    // The first bytes only: the session asks for the rest, nothing is left over.
    let flight = peer.take()
    flight.withUnsafeBytes { raw in
      pipe.setInput(raw.baseAddress, 100)
      #expect(session.handshake() == .wantRead)
      #expect(pipe.unreadInput.isEmpty)
      pipe.setInput(raw.baseAddress.map { $0 + 100 }, raw.count - 100)
      #expect(session.handshake() == .complete)
    }
    #expect(peer.handshake(Array(pipe.output)) == .complete)
    pipe.clearOutput()
    // Two records at once, one read: the second is still there, in the pipe or in the session.
    #expect(peer.write([1, 2, 3]))
    #expect(peer.write([4, 5, 6]))
    let records = peer.take()
    records.withUnsafeBytes { raw in
      pipe.setInput(raw.baseAddress, raw.count)
      var buffer = [UInt8](repeating: 0, count: 2)
      #expect(session.read(into: &buffer, capacity: 2) == .bytes(2))
      #expect(session.hasPending)
      #expect(!pipe.unreadInput.isEmpty)
      let parked = Array(pipe.unreadInput)
      pipe.setInput(nil, 0)
      #expect(session.read(into: &buffer, capacity: 2) == .bytes(1))
      #expect(session.read(into: &buffer, capacity: 2) == .wantRead)
      parked.withUnsafeBytes { rest in
        pipe.setInput(rest.baseAddress, rest.count)
        #expect(session.read(into: &buffer, capacity: 2) == .bytes(2))
        #expect(buffer == [4, 5])
      }
    }
  }
}
