import OS
import Proxy
import TLS
import Telemetry
import TestSupport
import TestPeers
import TestRun
import Testing
import Upstream

@Suite("Requests in early data", .ownThread) struct EarlyDataTests {
  /// A proxy whose TLS listener takes early data, or not.
  private func serve(
    _ backend: Backend, isOn: Bool = true, workers: Int = 1, _ body: (Edge) async throws -> Void
  ) async throws {
    let settings = Settings.bare(backend.target, secure: true) { $0.listeners[1].acceptsEarlyData = isOn }
    try await Edge.serve(
      settings, workers: workers, credentials: [try Certificates.localhost.get()], body)
  }

  /// A client over a socket whose TLS is done by hand.
  private struct Caller {
    let wire: Wire
    let client: RawClient

    init(_ edge: Edge, _ ticket: RawClient.Ticket? = nil) throws {
      wire = try Wire.connect(edge.proxy.addresses[1])
      client = try #require(RawClient(.init(host: "localhost", session: ticket)))
    }

    /// Reads until something has been received whole; answers what is to be sent now.
    func receive(_ isWhole: (String) -> Bool) -> [UInt8] {
      var toSend: [UInt8] = []
      while !isWhole(latin1Text(client.received)) {
        let bytes = wire.read()
        if bytes.isEmpty { break }
        toSend += client.feed(bytes)
      }
      return toSend
    }

    func finishHandshake() -> [UInt8] {
      var toSend: [UInt8] = []
      while !client.isComplete {
        let bytes = wire.read()
        if bytes.isEmpty { break }
        toSend += client.feed(bytes)
      }
      return toSend
    }
  }

  private func ticket(_ edge: Edge) throws -> RawClient.Ticket {
    let caller = try Caller(edge)
    caller.wire.write(caller.client.begin())
    caller.wire.write(caller.finishHandshake())
    caller.wire.write(caller.client.write(Self.request("GET", "/ticket")))
    _ = caller.receive { $0.hasSuffix("/ticket") }
    return try #require(caller.client.ticket())
  }

  private static func request(_ method: String, _ path: String, _ more: String = "") -> String {
    "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\n\(more)\r\n"
  }

  /// A backend that answers with the path it was asked for.
  private func backend() throws -> Backend {
    try Backend { wire in
      while true {
        let head = wire.readHead()
        guard head.hasSuffix("\r\n\r\n") else { return }
        let path = head.split(separator: " ")[1]
        wire.write("HTTP/1.1 200 OK\r\nContent-Length: \(path.utf8.count)\r\n\r\n\(path)")
      }
    }
  }

  /// When this is answered, the only worker has looked at everything that came before.
  private func expectTurn(_ edge: Edge) throws {
    let other = try edge.connect()
    other.write(Self.request("GET", "/other"))
    #expect(other.readAnswer().body == "/other")
  }

  @Test(
    "A safe request is answered before the handshake is over, and marked for the backend",
    arguments: ["GET", "OPTIONS"])
  func safe(_ method: String) async throws {
    let backend = try backend()
    try await serve(backend) { edge in
      let caller = try Caller(edge, try ticket(edge))
      caller.wire.write(caller.client.begin(early: Self.request(method, "/early", "early-data: 7\r\n")))
      let finished = caller.receive { $0.hasSuffix("/early") }
      #expect(caller.client.wasEarly)
      #expect(latin1Text(caller.client.received).hasPrefix("HTTP/1.1 200 OK"))
      // Now the handshake goes on, and the next request is nothing special.
      caller.wire.write(finished)
      caller.wire.write(caller.client.write(Self.request("GET", "/late", "Early-Data: 1\r\n")))
      _ = caller.receive { $0.hasSuffix("/late") }
      caller.wire.write(caller.client.write(Self.request("POST", "/last", "Content-Length: 0\r\n")))
      _ = caller.receive { $0.hasSuffix("/last") }
      #expect(edge.proxy.counters[.handshakesResumed] == 1)
    }
    let received = backend.finish().joined()
    #expect(
      received.contains("\(method) /early HTTP/1.1\r\nHost: localhost\r\nEarly-Data: 1\r\n\r\n"),
      "\(received)")
    // One hop before us may have taken it early: that is not ours to hide (RFC 8470 §5.1).
    #expect(received.contains("GET /late HTTP/1.1\r\nHost: localhost\r\nEarly-Data: 1\r\n\r\n"))
    #expect(received.contains("POST /last HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"))
    #expect(!received.contains("early-data: 7"))
  }

  @Test(
    "What may not be repeated waits for the handshake's end, and is forwarded unmarked",
    arguments: [
      request("POST", "/early", "Content-Length: 0\r\n"), request("DELETE", "/early"),
      request("PUT", "/early", "Content-Length: 2\r\n") + "hi",
      request("GET", "/early", "Content-Length: 2\r\n") + "hi",
      request("GET", "/early", "Connection: close\r\n"), "GET /early HTTP/1.1\r\nHost: local",
    ])
  func unsafe(_ request: String) async throws {
    let backend = try backend()
    try await serve(backend) { edge in
      let caller = try Caller(edge, try ticket(edge))
      caller.wire.write(caller.client.begin(early: request))
      let finished = caller.finishHandshake()
      try expectTurn(edge)
      #expect(edge.proxy.counters[.requests] == 2, "it was forwarded early")
      caller.wire.write(finished)
      if !request.contains("\r\n\r\n") { caller.wire.write(caller.client.write("host\r\n\r\n")) }
      _ = caller.receive { $0.hasSuffix("/early") }
      #expect(latin1Text(caller.client.received).hasSuffix("/early"))
    }
    let received = backend.finish().joined()
    #expect(received.contains(" /early HTTP/1.1\r\n") && !received.contains("Early-Data"), "\(received)")
  }

  @Test("Of several requests in early data the safe ones are answered, up to the first that is not")
  func pipelined() async throws {
    let backend = try backend()
    try await serve(backend) { edge in
      let caller = try Caller(edge, try ticket(edge))
      let requests =
        Self.request("GET", "/1") + Self.request("HEAD", "/2")
        + Self.request("POST", "/3", "Content-Length: 0\r\n")
        + Self.request("GET", "/4")
      caller.wire.write(caller.client.begin(early: requests))
      let finished = caller.receive { $0.split(separator: "HTTP/1.1 200").count == 2 }
      try expectTurn(edge)
      caller.wire.write(finished)
      _ = caller.receive { $0.hasSuffix("/4") }
      #expect(latin1Text(caller.client.received).contains("/3HTTP/1.1 200"))
    }
    let received = backend.finish().joined()
    let marked = received.components(separatedBy: "\r\n\r\n").filter { $0.contains("Early-Data: 1") }
    #expect(marked.map { $0.split(separator: " ")[1] } == ["/1", "/2"], "\(received)")
  }

  @Test("A copy of a first flight is forwarded by no worker")
  func replayed() async throws {
    let backend = try backend()
    try await serve(backend, workers: 4) { edge in
      let caller = try Caller(edge, try ticket(edge))
      let flight = caller.client.begin(early: Self.request("GET", "/early"))
      caller.wire.write(flight)
      _ = caller.receive { $0.hasSuffix("/early") }
      for _ in 0..<12 {
        let copy = try Wire.connect(edge.proxy.addresses[1])
        copy.write(flight)
        // The server's flight; the copy cannot be decrypted without the keys, nor the handshake be finished.
        #expect(!copy.read().isEmpty)
        copy.close()
      }
    }
    let received = backend.finish().joined()
    #expect(received.components(separatedBy: "GET /early").count == 2, "\(received)")
  }

  @Test("Off by default: tickets allow no early data, and a client that tries is made to repeat it")
  func off() async throws {
    let backend = try backend()
    try await serve(backend, isOn: false) { edge in
      let ticket = try ticket(edge)
      #expect(ticket.allowance == 0)
    }
    _ = backend.finish()
    #expect(!Settings.Listener.loopback(1, .modern).acceptsEarlyData)
  }

  @Test("A client that goes away after an early request is let go, and so is one that never finishes")
  func gone() async throws {
    let backend = try backend()
    let settings = Settings.bare(backend.target, secure: true) {
      $0.listeners[1].acceptsEarlyData = true
      $0.limits.handshakeTimeout = 200
    }
    try await Edge.serve(settings, credentials: [try Certificates.localhost.get()]) { edge in
      let ticket = try ticket(edge)
      let stays = try Caller(edge, ticket)
      stays.wire.write(stays.client.begin(early: Self.request("GET", "/early")))
      _ = stays.receive { $0.hasSuffix("/early") }
      let goes = try Caller(edge, ticket)
      goes.wire.write(goes.client.begin(early: Self.request("GET", "/early")))
      goes.wire.close()
      // Ended by the proxy, because the handshake has a time limit.
      _ = stays.wire.readToEnd()
      #expect(stays.wire.ending == .closed || stays.wire.ending == .reset)
      try expectTurn(edge)
    }
    _ = backend.finish()
  }
}

extension String {
  fileprivate func components(separatedBy text: String) -> [String] {
    split(separator: text, omittingEmptySubsequences: false).map(String.init)
  }
}
