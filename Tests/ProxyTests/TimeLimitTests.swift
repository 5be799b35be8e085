import OS
import Proxy
import TestSupport
import TestPeers
import TestRun
import Testing
import Upstream

@Suite("Time limits", .ownThread) struct TimeLimitTests {
  static let short: Milliseconds = 150

  @Test("A TLS handshake that does not go on is cut off")
  func handshake() async throws {
    try await Edge.serve(
      .bare([], secure: true) { $0.limits.handshakeTimeout = Self.short },
      credentials: [try Certificates.localhost.get()]
    ) { edge in
      let client = try edge.connect(1)
      client.writeRaw([0x16, 0x03, 0x01, 0x02])
      #expect(client.readToEnd() == [])
      #expect(client.ending != nil)
    }
  }

  @Test(
    "A head that does not arrive in time is 408, however it trickles in",
    arguments: ["G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: h\r\nA"])
  func head(_ beginning: String) async throws {
    try await Edge.serve(.bare([]) { $0.limits.headerTimeout = Self.short }) { edge in
      let client = try edge.connect()
      client.write(beginning)
      // More bytes buy no more time.
      var random = SeededGenerator(seed: 1)
      while client.isQuiet {
        if client.pauses() { client.write([UInt8.random(in: 97...122, using: &random)]) }
      }
      let answer = client.readAnswer()
      #expect(answer.status == 408)
      #expect(answer.body.contains(#""code":"request_timeout""#))
      #expect(client.readToEnd() == [] && client.ending == .closed)
    }
  }

  @Test("An idle connection is closed without a word")
  func keepAlive() async throws {
    let backend = try Backend { answerProbe($0) }
    try await Edge.serve(.bare(backend.target) { $0.limits.keepaliveTimeout = Self.short }) { edge in
      let client = try edge.connect()
      client.write(FramingCase.probe)
      #expect(client.readAnswer().status == 200)
      #expect(client.readToEnd() == [] && client.ending == .closed)
    }
    _ = backend.finish()
  }

  @Test("Content that stops coming is 408, and the backend's connection ends")
  func content() async throws {
    let backend = try Backend { _ = $0.readToEnd() }
    try await Edge.serve(.bare(backend.target) { $0.limits.requestBodyIdleTimeout = Self.short }) { edge in
      let client = try edge.connect()
      client.write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello")
      #expect(client.readAnswer().status == 408)
      #expect(client.readToEnd() == [] && client.ending == .closed)
    }
    #expect(backend.finish() == ["POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello"])
  }

  @Test("A backend whose handshake does not go on is passed over")
  func connect() async throws {
    let mute = try Backend { _ = $0.readToEnd() }
    let good = try Backend { answerProbe($0) }
    let silent = try Settings.Backend.secure(mute.address, host: "localhost")
    try await Edge.serve(
      .bare(silent, good.target) { $0.services[0].rules.timeouts.connect = Self.short }
    ) { edge in
      let client = try edge.connect()
      client.write(FramingCase.probe)
      #expect(client.readAnswer().body == "probe")
    }
    _ = mute.finish()
    _ = good.finish()
  }

  @Test("A backend that does not begin its answer in time is 504, the connection goes on")
  func responseHead() async throws {
    let backend = try Backend({ _ = $0.readToEnd() }, { answerProbe($0) })
    try await Edge.serve(
      .bare(backend.target) { $0.services[0].rules.timeouts.responseHead = Self.short }
    ) {
      edge in
      let client = try edge.connect()
      client.write(FramingCase.probe)
      let answer = client.readAnswer()
      #expect(answer.status == 504)
      #expect(answer.body.contains(#""code":"backend_timeout""#))
      client.write(FramingCase.probe)
      #expect(client.readAnswer().body == "probe")
    }
    _ = backend.finish()
  }

  @Test("The time for an answer does not run while the client still sends")
  func slowUpload() async throws {
    let backend = try Backend { wire in
      _ = wire.read(through: "hello")
      wire.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    }
    try await Edge.serve(
      .bare(backend.target) { $0.services[0].rules.timeouts.responseHead = Self.short }
    ) {
      edge in
      let client = try edge.connect()
      client.write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhell")
      // Longer than the limit: nothing may come.
      for _ in 0..<8 { #expect(client.pauses()) }
      client.write("o")
      #expect(client.readAnswer().body == "ok")
    }
    _ = backend.finish()
  }

  @Test("Content that does not begin, or does not go on, is cut off", arguments: ["", "hello"])
  func responseContent(_ content: String) async throws {
    let backend = try Backend { wire in
      _ = wire.readHead()
      wire.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" + content)
      _ = wire.readToEnd()
    }
    try await Edge.serve(
      .bare(backend.target) {
        $0.services[0].rules.timeouts.firstByte = content.isEmpty ? Self.short : 60_000
        $0.services[0].rules.timeouts.idle = content.isEmpty ? 60_000 : Self.short
      }
    ) { edge in
      let client = try edge.connect()
      client.write(FramingCase.probe)
      _ = client.readToEnd()
      #expect(client.ending == .reset)
    }
    _ = backend.finish()
  }

  @Test(
    "A client that does not take its response is cut off, and the backend learns of it", arguments: [1, 2])
  func sendStall(requests: Int) async throws {
    let ended = try Event()
    let backend = try Backend { wire in
      _ = wire.readHead()
      wire.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
      let block = "10000\r\n" + String(repeating: "x", count: 0x10000) + "\r\n"
      for _ in 0..<1000 { wire.write(block) }
      ended.signal()
    }
    try await Edge.serve(.bare(backend.target) { $0.limits.sendTimeout = Self.short }) { edge in
      let client = try edge.connect(receiveBuffer: 4096)
      client.write(String(repeating: FramingCase.probe, count: requests))
      #expect(ended.wait())
      _ = client.readToEnd()
      #expect(client.ending == .reset)
    }
    _ = backend.finish()
  }

  @Test("A tunnel that carries nothing is cut off")
  func tunnel() async throws {
    let backend = try Backend { wire in
      _ = wire.readHead()
      wire.write(TunnelTests.switching)
      _ = wire.readToEnd()
    }
    try await Edge.serve(.bare(backend.target) { $0.limits.upgradeIdleTimeout = Self.short }) { edge in
      let client = try edge.connect()
      client.write(TunnelTests.request)
      #expect(client.readHead() == TunnelTests.switching)
      #expect(client.readToEnd() == [] && client.ending != nil)
    }
    _ = backend.finish()
  }

  @Test("Connections beyond the limit wait until others end")
  func connections() async throws {
    let backend = try Backend { answerProbe($0) }
    try await Edge.serve(.bare(backend.target) { $0.limits.connections = 2 }) { edge in
      let held = try (0..<2).map { _ in try edge.connect() }
      for client in held {
        client.write(FramingCase.probe)
        #expect(client.readAnswer().status == 200)
      }
      let waiting = try edge.connect()
      waiting.write(FramingCase.probe)
      #expect(waiting.pauses())
      held[0].close()
      #expect(waiting.readAnswer().status == 200)
    }
    _ = backend.finish()
  }
}
