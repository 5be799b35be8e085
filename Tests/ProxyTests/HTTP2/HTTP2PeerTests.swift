import TestPeers
import OS
import Proxy
import Telemetry
import TestSupport
import TestRun
import Testing
import Upstream

/// What good clients do, and must not be punished for.
@Suite("Good clients of HTTP/2", .ownThread) struct HTTP2PeerTests {
  @Test("Uploads that are cancelled give their room back")
  func cancelledUploads() async throws {
    try await HTTP2Edge.serve { edge in
      let client = try edge.http2()
      #expect(client.start())
      // Each leaves a full window of its stream behind: together several times what the connection has.
      for round in 0..<12 {
        let stream = UInt32(round) * 2 + 1
        client.send(.headers(stream, HTTP2Case.post("/stuck"), end: false))
        #expect(client.fill(stream) >= 1 << 18)
        client.send(.reset(stream))
        #expect(client.goesOn())
      }
      #expect(client.sendWindow > 1 << 18, "only \(client.sendWindow) octets are left")
      client.send(.headers(101, HTTP2Case.post("/"), end: false))
      #expect(client.sendBody(101, [UInt8](repeating: 1, count: 500_000)), "\(client.trace)")
      #expect(client.response(101).text == "hello" && client.violations == [])
    }
  }

  @Test("A decoder with a small table, or none, is told that ours is empty", arguments: [0, 100, 4096])
  func tableSize(_ octets: UInt32) async throws {
    try await HTTP2Edge.serve { edge in
      let client = try edge.http2()
      #expect(client.start([(.headerTableSize, octets)]))
      for stream in [1, 3] as [UInt32] {
        client.send(.headers(stream, HTTP2Case.get()))
        #expect(client.response(stream).text == "hello", "\(client.trace)")
      }
      client.send(.settings([(.headerTableSize, 4096)]), .settings([(.headerTableSize, 0)]))
      #expect(client.goesOn())
      client.send(.headers(5, HTTP2Case.get()))
      #expect(client.response(5).text == "hello" && client.violations == [])
    }
  }

  @Test("PINGs that measure how fast an answer comes are no flood")
  func measuring() async throws {
    try await HTTP2Edge.serve { edge in
      let client = try edge.http2()
      #expect(client.start([(.initialWindowSize, 0)]))
      client.givesBack = false
      client.send(.headers(1, HTTP2Case.get("/big/1500")))
      for count in 1...1500 {
        client.send(.windowUpdate(1, 1), .ping())
        guard client.wait({ $0[1].count == count || $0.goAway != nil }), client.goAway == nil else { break }
      }
      #expect(client[1].count == 1500 && client.goesOn(), "\(client[1].count) \(client.lastWord)")
    }
  }

  @Test("A PING behind the client's GOAWAY is answered, then the connection ends")
  func leaving() async throws {
    try await HTTP2Edge.serve(nil, { $0.limits.lingerTimeout = 300 }) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(.goAway(), .ping([1, 2, 3, 4, 5, 6, 7, 8]))
      #expect(client.wait { $0.pongs.contains([1, 2, 3, 4, 5, 6, 7, 8]) }, "\(client.trace)")
      client.drain()
      #expect(client.ending == .closed && client.goAway?.code == 0, "\(client.trace)")
    }
  }

  @Test("What is under way when a client says GOAWAY is finished")
  func leavingMidway() async throws {
    let next = try Event()
    let stream = try LifecycleTests.streaming([next], pieces: 3)
    try await HTTP2Edge.serve(HTTP2Edge.settings(stream.target) { $0.limits.lingerTimeout = 300 }) {
      edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(.headers(1, HTTP2Case.get()), .goAway())
      client.wait { $0[1].status != nil }
      for _ in 0..<4 { next.signal() }
      #expect(client.response(1).text == "piecepiecepiece", "\(client.trace)")
      client.drain()
      #expect(client.ending == .closed)
    }
    _ = stream.finish()
  }

  @Test("Many answers that are cancelled midway are no rapid reset")
  func cancels() async throws {
    let script: Backend.Script = { wire in
      guard wire.readHead().hasSuffix("\r\n\r\n") else { return }
      wire.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
    }
    try await HTTP2Edge.serve(script) { edge in
      let client = try edge.http2()
      #expect(client.start())
      for round in 0..<600 where client.goAway == nil {
        let stream = UInt32(round) * 2 + 1
        client.send(.headers(stream, HTTP2Case.get()))
        client.wait { $0[stream].count > 0 || $0.goAway != nil }
        client.send(.reset(stream, .cancel))
      }
      #expect(client.goesOn() && client.violations == [], "\(client.lastWord)")
    }
  }

  @Test("A backend that wants to know the client learns of one that speaks HTTP/2", arguments: [false, true])
  func proxyHeader(secure: Bool) async throws {
    let script: Backend.Script = { wire in
      let line = wire.read(through: "\r\n")
      _ = wire.readHead()
      wire.write("HTTP/1.1 200 OK\r\nContent-Length: \(line.utf8.count)\r\n\r\n\(line)")
    }
    try await HTTP2Edge.serve(script, { $0.services[0].backends[0].sendProxy = .v1 }) { edge in
      let client = secure ? try edge.http2Securely() : try edge.http2()
      #expect(client.start())
      client.send(.headers(1, HTTP2Case.get()))
      let line = client.response(1).text
      #expect(line.hasPrefix("PROXY TCP4 127.0.0.1 127.0.0.\(secure ? 2 : 1) "), "\(line)")
    }
  }

  @Test("A call that no route takes is told so in gRPC's words")
  func noRoute() async throws {
    try await HTTP2Edge.serve(nil, { $0.routes[0].hosts = ["elsewhere.test"] }) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(.headers(1, HTTP2BackendTests.call, end: true), .headers(3, HTTP2Case.get()))
      #expect(client.response(1).field("grpc-status") == "12" && client[1].status == 200)
      #expect(client.response(3).status == 404)
    }
  }
}
