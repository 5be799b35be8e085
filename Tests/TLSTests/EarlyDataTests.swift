import TLS
import TestPeers
import TestSupport
import TestRun
import Testing

/// Early data as a server's sessions give it.
@Suite(.ownThread) struct EarlyDataTests {
  private func context(_ isOn: Bool = true, tickets: TicketKeys = ticketKeys(), h2: Bool = false) throws
    -> ServerContext
  {
    var profile = Profile.modern
    if h2 { profile.applicationProtocols = ["h2", "http/1.1"] }
    return try ServerContext(
      credentials: [TestAuthority().credential("localhost")], profile: profile, tickets: tickets,
      earlyData: isOn)
  }

  /// Meets a server for its ticket.
  private func ticket(_ context: ServerContext, protocols: [String] = []) throws -> RawClient.Ticket {
    let client = try #require(RawClient(.init(host: "localhost", protocols: protocols)))
    let peer = try #require(Peer(server: context))
    #expect(peer.early(client.begin()).text.isEmpty)
    let finished = client.feed(peer.take())
    #expect(peer.early(finished).end == .complete)
    _ = client.feed(peer.take())
    return try #require(client.ticket())
  }

  @Test("early data is read before the handshake is over, and can be answered at once")
  func early() throws {
    let context = try context()
    let ticket = try ticket(context)
    #expect(ticket.allowance == ServerContext.maximumEarlyDataBytes)
    let client = try #require(RawClient(.init(host: "localhost", session: ticket)))
    let peer = try #require(Peer(server: context))
    let (text, end) = peer.early(client.begin(early: "early"))
    #expect(text == latin1("early"))
    #expect(end == .wantRead)
    #expect(peer.write(latin1("answer")))
    let finished = client.feed(peer.take())
    #expect(client.received == latin1("answer"))
    #expect(client.wasEarly)
    #expect(peer.early(finished).end == .complete)
    #expect(peer.session.wasResumed)
    #expect(peer.read(client.write("late")).text == latin1("late"))
    #expect(peer.write(latin1("!")))
    _ = client.feed(peer.take())
    #expect(client.received == latin1("answer!"))
  }

  @Test("the same first flight is taken once, by whichever worker it is seen first")
  func replay() throws {
    let keys = ticketKeys()
    let (first, second) = (try context(tickets: keys), try context(tickets: keys))
    let client = try #require(RawClient(.init(host: "localhost", session: try ticket(first))))
    let flight = client.begin(early: "early")
    let peer = try #require(Peer(server: first))
    #expect(peer.early(flight).text == latin1("early"))
    for context in [first, second] {
      let copied = try #require(Peer(server: context))
      let (text, end) = copied.early(flight)
      #expect(text.isEmpty)
      #expect(end == .wantRead)
    }
  }

  @Test("early data is refused where it is off, and by a server with other ticket keys")
  func refused() throws {
    let keys = ticketKeys()
    let on = try context(tickets: keys)
    for other in [try context(false, tickets: keys), try context(tickets: ticketKeys(seed: 7))] {
      let client = try #require(RawClient(.init(host: "localhost", session: try ticket(on))))
      let peer = try #require(Peer(server: other))
      let (text, _) = peer.early(client.begin(early: "early"))
      #expect(text.isEmpty)
      let finished = client.feed(peer.take())
      #expect(!client.wasEarly)
      #expect(peer.early(finished).end == .complete, "\(peer.reason)")
      #expect(peer.read(client.write("again")).text == latin1("again"))
    }
    #expect(try ticket(context(false)).allowance == 0)
  }

  @Test("a session of HTTP/2 brings no early data, one of HTTP/1.1 does")
  func protocols() throws {
    for (name, isTaken) in [("h2", false), ("http/1.1", true)] {
      let context = try context(h2: true)
      let client = try #require(
        RawClient(
          .init(host: "localhost", protocols: [name], session: try ticket(context, protocols: [name]))))
      let peer = try #require(Peer(server: context))
      #expect(peer.early(client.begin(early: "early")).text.isEmpty != isTaken)
    }
  }

  @Test("a server name whose bytes are passed on unread gets no early data")
  func unread() throws {
    for (name, isTaken) in [("localhost", false), ("other.test", true)] {
      let unread = UnreadNames()
      unread.contains = { $0 == name }
      let context = try ServerContext(
        credentials: [TestAuthority().credential("localhost")], profile: .modern, tickets: ticketKeys(),
        passesUnread: unread, earlyData: true)
      let client = try #require(RawClient(.init(host: "localhost", session: try ticket(context))))
      let peer = try #require(Peer(server: context))
      #expect(peer.early(client.begin(early: "early")).text.isEmpty != isTaken)
    }
  }

  @Test("more early data than allowed ends the session")
  func tooMuch() throws {
    let context = try context()
    let client = try #require(RawClient(.init(host: "localhost", session: try ticket(context))))
    let peer = try #require(Peer(server: context))
    var flight = client.begin(early: String(repeating: "x", count: 10_000))
    #expect(peer.early(flight).text.count == 10_000)
    flight = client.begin(early: String(repeating: "x", count: 10_000))
    // Our client keeps to the allowance by itself; what it cannot send must not arrive either.
    #expect(peer.early(flight).text.count <= ServerContext.maximumEarlyDataBytes - 10_000)
  }

  @Test("TLS 1.2 goes on as before beside it")
  func tls12() throws {
    let client = try #require(RawClient(.init(maximum: 0x0303, host: "localhost")))
    let peer = try #require(Peer(server: context()))
    peer.early(client.feed([]))
    peer.early(client.feed(peer.take()))
    _ = client.feed(peer.take())
    #expect(client.isComplete)
    #expect(peer.step == .complete)
  }
}

extension Peer {
  /// Goes on with a handshake in which early data may come.
  @discardableResult
  func early(_ bytes: [UInt8]) -> (text: [UInt8], end: Session.Step) {
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16_384)
    var rest = bytes
    while session.awaitsEarlyData {
      let (result, left) = show(rest) { session.readEarly(into: &buffer, capacity: buffer.count) }
      rest = left
      switch result {
      case .bytes(let n): text += buffer[..<n]
      case .over: break
      case .wantRead: return (text, .wantRead)
      case .failed: return (text, .failed)
      }
    }
    return (text, handshake(rest))
  }
}
