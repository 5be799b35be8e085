import TestPeers
import Proxy
import Telemetry
import TestSupport
import TestRun
import Testing

@Suite("Answers before the upload is over", .ownThread) struct EarlyAnswerTests {
  @Test(
    "An answer that a backend gives before it closes reaches the client, and the backend is not blamed",
    arguments: [401, 413])
  func closedAtOnce(_ status: Int) async throws {
    let backend = try Backend { wire in
      _ = wire.readHead()
      wire.write("HTTP/1.1 \(status) No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
      // With content unread this is a reset.
      wire.close()
    }
    let upload = [UInt8](repeating: 0x61, count: 4 << 20)
    try await Edge.serve(.bare(backend.target)) { edge in
      for _ in 0..<20 {
        let client = try edge.connect()
        let head = latin1("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \(upload.count)\r\n\r\n")
        client.write(head + upload, step: 65_536) { received in
          String(decoding: received, as: UTF8.self).hasSuffix("\r\n\r\nno")
        }
        #expect(String(decoding: client.received.prefix(12), as: UTF8.self) == "HTTP/1.1 \(status)")
      }
      #expect(!edge.reports.contains { $0.contains("backendFailed") }, "\(edge.reports)")
    }
    _ = backend.finish()
  }

  @Test("Without an answer the client is told so, and another backend gets what can be sent again")
  func noAnswer() async throws {
    let backend = try Backend { wire in
      _ = wire.readHead()
      wire.reset()
    }
    let upload = [UInt8](repeating: 0x61, count: 1 << 20)
    try await Edge.serve(.bare(backend.target)) { edge in
      let client = try edge.connect()
      let head = latin1("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \(upload.count)\r\n\r\n")
      client.write(head + upload, step: 65_536) {
        String(decoding: $0, as: UTF8.self).contains("bad_gateway")
      }
      #expect(String(decoding: client.received.prefix(12), as: UTF8.self) == "HTTP/1.1 502")
    }
    _ = backend.finish()
  }
}

@Suite("Streams that are over before they are anything", .ownThread) struct UndispatchedTests {
  @Test("Requests that are reset in the read that brought them cost no backend a connection")
  func resetAtOnce() async throws {
    let backend = try Backend(OwnAnswerTests.answeringByPath())
    try await HTTP2Edge.serve(HTTP2Edge.settings(backend.target)) { edge in
      let client = try edge.http2()
      #expect(client.start())
      var frames: [Frame] = []
      for number in 0..<100 {
        let stream = UInt32(2 * number + 1)
        frames += [.headers(stream, HTTP2Case.get("/x"), end: true), .reset(stream)]
      }
      client.send(frames)
      #expect(client.goesOn())
      #expect(backend.connections == 0)
      client.send(.headers(301, HTTP2Case.get("/last")))
      #expect(client.response(301).text == "/last")
    }
    #expect(backend.finish().count == 1)
  }

  @Test("A drained connection without streams ends although its client acknowledges nothing")
  func silentClient() async throws {
    let backend = try Backend(OwnAnswerTests.answeringByPath())
    try await HTTP2Edge.serve(HTTP2Edge.settings(backend.target)) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(.headers(1, HTTP2Case.get("/x")))
      #expect(client.response(1).text == "/x")
      // It reads nothing from now on, and so never answers the PING.
      await edge.proxy.drain(milliseconds: 600_000)
    }
    _ = backend.finish()
  }
}

@Suite("Fields that look like others", .ownThread) struct LookAlikeTests {
  private static let request = """
    GET / HTTP/1.1\r\nHost: h\r\nX_Forwarded_For: 1\r\nX-Forwarded-Prefix: /a\r\nX-Forwarded-Scheme: https\r
    X-Forwarded-Ssl: on\r\nX-Forwarded-Server: s\r\nX-Real-IP: 2\r\nx_real_ip: 3\r\nForwarded: for=4\r\nProxy: evil\r
    Content_Length: 5\r\ntransfer_encoding: chunked\r\nX-Custom: kept\r\nX_Custom: kept\r\nProxy-Note: kept\r\n\r\n
    """.replacing("\r\n", with: "\n").replacing("\r", with: "").replacing("\n", with: "\r\n")

  @Test(
    "Strangers cannot say who they are by them, and nobody frames a message by them",
    arguments: [false, true])
  func dropped(_ isTrusted: Bool) async throws {
    let backend = try Backend { wire in
      _ = wire.readHead()
      wire.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    }
    let settings = Settings.bare(backend.target) { settings in
      guard isTrusted, let all = AddressRange(address: [127, 0, 0, 0], prefixLength: 8) else { return }
      settings.trustedProxies = [all]
    }
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write(Self.request)
      #expect(client.readAnswer().status == 200)
    }
    let head = backend.finish().joined().lowercased()
    for name in ["content_length", "transfer_encoding"] { #expect(!head.contains(name), "\(head)") }
    for name in [
      "x_forwarded_for", "x-forwarded-prefix", "x-forwarded-ssl", "x-real-ip", "x_real_ip", "proxy: evil",
    ] {
      #expect(head.contains(name) == isTrusted, "\(name) in \(head)")
    }
    #expect(
      head.contains("x-custom: kept") && head.contains("x_custom: kept") && head.contains("proxy-note: kept"))
  }
}
