import TestPeers
import OS
import Proxy
import TestSupport
import TestRun
import Testing

@Suite("Flow control of HTTP/2", .ownThread) struct HTTP2FlowTests {
  /// Answers a POST with the sum of its octets, so that large content need not come back.
  static let counting: Backend.Script = { wire in
    while true {
      let head = wire.readHead()
      guard head.hasSuffix("\r\n\r\n"), let content = Origin.readContent(wire, head) else { return }
      let sum = content.unicodeScalars.reduce(0) { $0 &+ Int($1.value) }
      let body = "\(content.unicodeScalars.count) \(sum)"
      wire.write("HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }
  }

  @Test("Eight MiB go up, in frames of every size", arguments: [false, true], [1 << 14, 1000])
  func upload(secure: Bool, frameSize: Int) async throws {
    var random = SeededGenerator(seed: 11)
    let content = random.bytes(frameSize == 1000 ? 1 << 20 : 8 << 20)
    let sum = content.reduce(0) { $0 + Int($1) }
    try await HTTP2Edge.serve(Self.counting) { edge in
      let client = secure ? try edge.http2Securely() : try edge.http2()
      #expect(client.start())
      client.send(.headers(1, HTTP2Case.post(), end: false))
      #expect(client.sendBody(1, content, frameSize: frameSize))
      #expect(client.response(1).text == "\(content.count) \(sum)", "\(client.trace)")
      #expect(client.violations == [])
    }
  }

  @Test("Eight MiB come down, in order", arguments: [false, true])
  func download(secure: Bool) async throws {
    let size = 8 << 20
    try await HTTP2Edge.serve { edge in
      let client = secure ? try edge.http2Securely() : try edge.http2()
      #expect(client.start())
      client.send(.headers(1, HTTP2Case.get("/big/\(size)")))
      let answer = client.response(1)
      #expect(answer.count == size && answer.hasEnded, "\(client.trace)")
      let isWhole = answer.body == Array(String(repeating: "0123456789abcdef", count: size / 16).utf8)
      #expect(isWhole)
      #expect(client.violations == [])
    }
  }

  @Test("A fast client that gives back each frame's octets at once is no flood")
  func manyUpdates() async throws {
    let piece = [UInt8](repeating: 0x61, count: 1 << 16)
    let script: Backend.Script = { wire in
      _ = wire.readHead()
      wire.write("HTTP/1.1 200 OK\r\nContent-Length: \(64 << 20)\r\n\r\n")
      for _ in 0..<(64 << 20) / piece.count { wire.write(piece) }
    }
    try await HTTP2Edge.serve(script) { edge in
      let client = try edge.http2()
      client.keepsBodies = false
      #expect(client.start())
      client.send(.headers(1, HTTP2Case.get()))
      let answer = client.response(1)
      #expect(answer.count == 64 << 20 && answer.hasEnded, "\(answer.count) \(client.lastWord)")
      #expect(client.goesOn() && client.violations == [])
    }
  }

  @Test("Up and down at once on many streams")
  func bothWays() async throws {
    var random = SeededGenerator(seed: 12)
    let content = random.bytes(300_000)
    let script: Backend.Script = { wire in
      _ = wire.readHead()
      wire.write("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n")
      var left = 300_000
      while left > 0 {
        let part = wire.read()
        if part.isEmpty { return }
        wire.write(part)
        left -= part.count
      }
    }
    try await HTTP2Edge.serve(script, workers: 2) { edge in
      let client = try edge.http2()
      #expect(client.start())
      let streams = stride(from: UInt32(1), to: 40, by: 2).map { $0 }
      for stream in streams {
        client.send(.headers(stream, HTTP2Case.post("/", "content-length=300000"), end: false))
      }
      for at in stride(from: 0, to: content.count, by: 10_000) {
        for stream in streams {
          client.sendBody(stream, Array(content[at..<at + 10_000]), end: at + 10_000 == content.count)
        }
      }
      for stream in streams { #expect(client.response(stream).body == content, "\(stream)") }
      #expect(client.violations == [])
    }
  }

  @Test("Windows of one octet still bring everything")
  func oneByOne() async throws {
    try await HTTP2Edge.serve { edge in
      let client = try edge.http2()
      #expect(client.start([(.initialWindowSize, 1)]))
      client.send(.headers(1, HTTP2Case.get("/big/500")))
      let answer = client.response(1)
      #expect(answer.count == 500 && answer.dataSizes.allSatisfy { $0 <= 1 })
      #expect(client.violations == [])
    }
  }

  @Test(
    "A stream that is not read stops neither others nor the backend's other exchanges, and costs bounded room"
  )
  func stalled() async throws {
    let written = try Event()
    let script: Backend.Script = { wire in
      while true {
        let head = wire.readHead()
        guard head.hasSuffix("\r\n\r\n") else { return }
        guard head.contains(" /endless") else {
          Origin.answer(wire, method: "GET", path: "/", head, "")
          continue
        }
        wire.write("HTTP/1.1 200 OK\r\nContent-Length: \(1 << 40)\r\n\r\n")
        let piece = [UInt8](repeating: 0x61, count: 1 << 16)
        var sent = 0
        while wire.ending == nil, sent < 512 << 20 {
          let n = wire.writeSome(piece)
          if n == 0, wire.isStuck { break }
          sent += n
        }
        written.signal()
        // What the sockets' buffers hold: with memory without bounds it would be all.
        if sent < 512 << 20 { written.signal() }
        return
      }
    }
    try await HTTP2Edge.serve(script) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.givesBack = false
      client.send(.headers(1, HTTP2Case.get("/endless")))
      #expect(written.wait() && written.wait(), "the proxy took 512 MiB for a client that reads nothing")
      client.takeIn()
      client.send(.windowUpdate(0, 10_000))
      client.send(.headers(3, HTTP2Case.get()))
      #expect(client.response(3).text == "hello")
      #expect(client[1].count == 65_535 && !client[1].isOver)
      client.send(.reset(1))
      #expect(client.goesOn() && client.violations == [])
    }
  }

  @Test("A backend that does not read stops its stream's upload, and no other")
  func stalledBackend() async throws {
    try await HTTP2Edge.serve { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(.headers(1, HTTP2Case.post("/stuck"), end: false))
      let stop = client.fill(1)
      #expect(stop < 64 << 20, "the proxy took 64 MiB that its backend does not read")
      client.send(.headers(3, HTTP2Case.post("/"), end: false))
      #expect(client.sendBody(3, [UInt8](repeating: 1, count: 200_000)), "\(client.trace)")
      #expect(client.response(3).text == "hello")
      #expect(client.goesOn() && client.violations == [])
    }
  }

  @Test("A window that becomes negative in the middle of an answer")
  func negative() async throws {
    try await HTTP2Edge.serve { edge in
      let client = try edge.http2()
      #expect(client.start([(.initialWindowSize, 50_000)]))
      client.givesBack = false
      client.send(.headers(1, HTTP2Case.get("/big/60000")))
      client.wait { $0[1].count == 50_000 }
      client.send(.settings([(.initialWindowSize, 10_000)]))
      client.send(.windowUpdate(1, 40_000))
      #expect(client.goesOn() && client[1].count == 50_000)
      client.send(.windowUpdate(1, 1))
      #expect(client.wait { $0[1].count > 50_000 } && client.goesOn() && client[1].count == 50_001)
      client.send(.settings([(.initialWindowSize, 20_000)]))
      #expect(client.response(1).count == 60_000 && client.violations == [])
    }
  }
}

extension HTTP2Connection {
  /// Sends zeros on a stream until its window stays closed: how many octets went.
  func fill(_ stream: UInt32) -> Int {
    var sent = 0
    var full = 0
    while full < 3, sent < 64 << 20, !self[stream].isOver, ending == nil {
      let room = Int(min(sendWindow, self[stream].sendWindow, 16_384))
      if room > 0 {
        send(.data(stream, [UInt8](repeating: 0, count: room)))
        sent += room
        full = 0
        takeIn()
      } else {
        _ = goesOn()
        full += 1
      }
    }
    return sent
  }
}
