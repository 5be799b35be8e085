import PKI
import TLS
import TestPeers
import TestSupport
import TestRun
import Testing

@Suite(.ownThread) struct GarbageTests {
  private static func hello() throws -> [UInt8] {
    let client = try #require(Peer(client: ClientContext(trust: .init(system: false)), host: "a.example"))
    client.handshake()
    return client.take()
  }

  @Test("a ClientHello with any one byte changed never traps, and a failure has a reason")
  func damagedHello() throws {
    let context = try server([TestAuthority().credential("a.example")])
    let hello = try Self.hello()
    for at in hello.indices {
      for mask: UInt8 in [0xFF, 0x01, 0x80] {
        var damaged = hello
        damaged[at] ^= mask
        let peer = try #require(Peer(server: context))
        switch peer.handshake(damaged) {
        case .failed: #expect(!peer.reason.isEmpty)
        case .wantRead: break
        case .complete, .wantWrite, .closed: #expect(Bool(false), "byte \(at) gave \(peer.step)")
        }
        Failure.clear()
      }
    }
  }

  @Test("a ClientHello cut off anywhere waits for more, and goes on when it comes")
  func cutHello() throws {
    let context = try server([TestAuthority().credential("a.example")])
    let hello = try Self.hello()
    for at in hello.indices {
      let peer = try #require(Peer(server: context))
      #expect(peer.handshake(Array(hello[..<at])) == .wantRead)
      #expect(peer.take().isEmpty)
      #expect(peer.handshake(Array(hello[at...])) == .wantRead)
      #expect(!peer.take().isEmpty)
    }
  }

  @Test(
    "what is no TLS at all is told in words",
    arguments: [
      ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "http request"),
      ("\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}", ""),
      ("SSH-2.0-OpenSSH_9.2\r\n", ""), ("\u{16}\u{3}\u{1}\u{FF}\u{FF}aaaaaaaaaaaa", ""),
      (String(repeating: "\u{FF}", count: 5000), ""),
    ])
  func noTLS(_ text: String, _ reason: String) throws {
    let peer = try #require(Peer(server: server([TestAuthority().credential("a.example")])))
    #expect(peer.handshake(latin1(text)) == .failed)
    let told = peer.reason
    #expect(!told.isEmpty)
    #expect(told.contains(reason), "\(told)")
  }

  @Test("random bytes after the handshake end the session with a reason, and no other")
  func garbageRecords() throws {
    let authority = try TestAuthority()
    let (clientContext, serverContext) = (
      try ClientContext(trust: authority.trust), try server([authority.credential("a.example")])
    )
    var random = SeededGenerator(seed: 4)
    let bystander = try #require(Handshake(clientContext, serverContext))
    for _ in 0..<50 {
      let met = try #require(Handshake(clientContext, serverContext))
      #expect(met.succeeded)
      let (text, end) = met.server.read([23, 3, 3, 0, 40] + random.bytes(40))
      #expect(text.isEmpty)
      #expect(end == .failed)
      #expect(!met.server.reason.isEmpty)
      #expect(met.server.read([]).end == .failed)
      Failure.clear()
      #expect(bystander.client.write([1]))
      #expect(bystander.server.read(bystander.client.take()).text == [1])
    }
  }

  @Test("the reasons are taken once: the queue is empty afterwards")
  func queue() throws {
    let pipe = RecordPipe()
    let made = Session(server: try server([TestAuthority().credential("a.example")]), pipe: pipe)
    let session = try #require(made)
    defer { session.free() }
    let request = latin1("GET / HTTP/1.1\r\n\r\n")
    request.withUnsafeBytes { raw in
      pipe.setInput(raw.baseAddress, raw.count)
      #expect(session.handshake() == .failed)
    }
    #expect(Failure.take().contains("http request"))
    #expect(Failure.take() == "connection closed during the handshake")
  }
}
