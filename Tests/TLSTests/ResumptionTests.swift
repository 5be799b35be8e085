import COpenSSL
import TLS
import TestPeers
import TestSupport
import TestRun
import Testing

@Suite(.ownThread) struct ResumptionTests {
  /// Meets one context, and then another with the ticket of the first: whether it was resumed.
  private func resumes(
    _ first: ServerContext, _ second: ServerContext, version: Int32, between: () -> Void = {}
  ) throws -> Bool {
    let client = try #require(RawClient(.init(maximum: version)))
    let peer = try #require(Peer(server: first))
    #expect(client.meet(peer))
    #expect(!client.wasResumed)
    let session = try #require(client.ticket())
    between()
    let again = try #require(RawClient(.init(maximum: version, session: session)))
    let againPeer = try #require(Peer(server: second))
    #expect(again.meet(againPeer))
    #expect(againPeer.session.wasResumed == again.wasResumed)
    return again.wasResumed
  }

  private func rotate(_ keys: TicketKeys, _ times: Int) {
    var random = SeededGenerator(seed: 99)
    for _ in 0..<times { keys.rotate { random.bytes($0) } }
  }

  @Test(
    "a session begun with one worker is resumed by another that shares its ticket keys",
    arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
  func shared(_ version: Int32) throws {
    let credential = try TestAuthority().credential("a.example")
    let keys = ticketKeys()
    #expect(
      try resumes(server([credential], tickets: keys), server([credential], tickets: keys), version: version))
  }

  @Test("a session is not resumed with other ticket keys", arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
  func foreign(_ version: Int32) throws {
    let credential = try TestAuthority().credential("a.example")
    let second = try server([credential], tickets: ticketKeys(seed: 2))
    #expect(try !resumes(server([credential]), second, version: version))
  }

  @Test(
    "a ticket outlives as many rotations as older keys are kept, and no more",
    arguments: 0...(TicketKeys.kept + 2), [TLS1_2_VERSION, TLS1_3_VERSION])
  func rotation(_ rotations: Int, _ version: Int32) throws {
    let credential = try TestAuthority().credential("a.example")
    let keys = ticketKeys()
    let context = try server([credential], tickets: keys)
    let resumed = try resumes(context, context, version: version) { rotate(keys, rotations) }
    #expect(resumed == (rotations <= TicketKeys.kept))
  }

  @Test("every resumption brings a ticket for the next one", arguments: [TLS1_3_VERSION])
  func chain(_ version: Int32) throws {
    let credential = try TestAuthority().credential("a.example")
    let keys = ticketKeys()
    let context = try server([credential], tickets: keys)
    var session: RawClient.Ticket?
    for round in 0..<6 {
      let client = try #require(RawClient(.init(maximum: version, session: session)))
      let peer = try #require(Peer(server: context))
      #expect(client.meet(peer))
      #expect(client.wasResumed == (round > 0))
      session = client.ticket()
      rotate(keys, 1)
    }
  }

  @Test("a session is resumed for the name chosen by SNI, also with several certificates")
  func withNames() throws {
    let authority = try TestAuthority()
    let keys = ticketKeys()
    let context = try server(
      [authority.credential("default.test"), authority.credential("a.example")], tickets: keys)
    #expect(try resumes(context, context, version: TLS1_3_VERSION))
    #expect(try resumes(context, context, version: TLS1_2_VERSION))
  }
}
