import EndToEnd
import TestPeers
import OS
import TestRun
import Testing

/// Streams of HTTP/2 over what an operator does to the real program.
@Suite(.ownThread) struct StreamDrainTests {
  private static let body = Array(
    #"{"model":"demo","stream":true,"max_tokens":20,"delay":0.01,"messages":[{"role":"user","content":"a"}]}"#
      .utf8)

  private static func request(_ method: String, _ path: String, _ more: Header...) -> [UInt8] {
    HPACK.block(
      [Header(":method", method), ":scheme=http", Header(":path", path), ":authority=localhost"] + more)
  }

  /// Begins a stream of tokens and waits for the first.
  private static func begin(_ client: HTTP2Connection, _ stream: UInt32) -> Bool {
    let length = Header("content-length", "\(body.count)")
    client.send(.headers(stream, request("POST", "/v1/chat/completions", length), end: false))
    return client.sendBody(stream, body) && client.wait { $0[stream].text.events > 0 || $0[stream].isOver }
      && !client[stream].isOver
  }

  private final class Clients: Sendable {
    let busy: HTTP2Connection
    let idle: HTTP2Connection
    init(_ address: SocketAddress) throws {
      busy = try HTTP2Connection(to: address)
      idle = try HTTP2Connection(to: address)
    }
  }

  @Test("a reload leaves streams and their connection alone; a stop says GOAWAY and lets streams end")
  func drain() async throws {
    let scene = try await RealClientTests.Scene()
    let gate = scene.place("gate")
    try FileSystem().unlink(gate)
    let clients = try Clients(try #require(SocketAddress(host: "127.0.0.1", port: scene.plain)))
    let begun = try await OwnThread.run {
      clients.busy.start() && clients.idle.start() && Self.begin(clients.busy, 1)
        && Self.begin(clients.busy, 3)
    }
    #expect(begun, "\(clients.busy.trace)")

    scene.daemon.child.signal(1)
    try await scene.daemon.logged("configuration reloaded")
    let goesOn = try await OwnThread.run { () -> Bool in
      clients.busy.send(.headers(5, Self.request("GET", "/v1/models")))
      return clients.busy.response(5).status == 200 && clients.busy.goesOn() && clients.idle.goesOn()
    }
    #expect(goesOn && !clients.busy[1].isOver && !clients.busy[3].isOver, "\(clients.busy.trace)")

    scene.daemon.child.signal(15)
    let told = try await OwnThread.run { () -> Bool in
      clients.idle.drain()
      return clients.busy.wait { $0.goAway != nil }
    }
    #expect(told && clients.idle.goAway?.code == 0 && clients.idle.ending == .closed)
    #expect(clients.busy.goAway?.code == 0 && !clients.busy[1].isOver && !clients.busy[3].isOver)
    try scene.model.openGate()
    let texts = try await OwnThread.run { () -> [String] in
      let texts = [clients.busy.response(1).text, clients.busy.response(3).text]
      clients.busy.drain()
      return texts
    }
    for text in texts { #expect(text.isWholeStream && text.events == 21, "\(text)") }
    #expect(clients.busy.goAway?.last == 5 && clients.busy.ending == .closed, "\(clients.busy.trace)")
    #expect(clients.busy.violations == [] && clients.idle.violations == [])
    #expect(try await scene.daemon.child.end() == .exited(0))
  }
}
