import Proxy
import TestSupport
import TestPeers
import TestRun
import Testing

@Suite("Streaming", .ownThread) struct StreamingTests {
  @Test("Each event reaches the client before the next one is written", arguments: [false, true])
  func events(secure: Bool) async throws {
    let next = try Event()
    let backend = try Backend { wire in
      _ = wire.readHead()
      wire.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
      for number in 0..<20 {
        next.wait()
        wire.write("9\r\ndata: \(number % 10)\n\n\r\n")
      }
      next.wait()
      wire.write("0\r\n\r\n")
    }
    try await Edge.serve(
      .bare(backend.target, secure: true), workers: 2, credentials: [try Certificates.localhost.get()]
    ) { edge in
      let client = secure ? try edge.connectSecurely() : try edge.connect()
      client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
      #expect(client.readHead().hasSuffix("\r\n\r\n"))
      for number in 0..<20 {
        next.signal()
        #expect(client.readChunk() == "data: \(number % 10)\n\n")
      }
      next.signal()
      #expect(client.read(through: "0\r\n\r\n") == "0\r\n\r\n")
    }
    _ = backend.finish()
  }

  @Test("Content that ends by closing is passed on piece by piece too")
  func untilClose() async throws {
    let next = try Event()
    let backend = try Backend { wire in
      _ = wire.readHead()
      wire.write("HTTP/1.1 200 OK\r\n\r\n")
      for _ in 0..<5 {
        next.wait()
        wire.write("piece")
      }
      next.wait()
      wire.close()
    }
    try await Edge.serve(.bare(backend.target)) { edge in
      let client = try edge.connect()
      client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
      _ = client.readHead()
      for _ in 0..<5 {
        next.signal()
        #expect(client.readChunk() == "piece")
      }
      next.signal()
      #expect(client.read(through: "\r\n\r\n") == "0\r\n\r\n")
    }
    _ = backend.finish()
  }

  @Test("A request's content and its response pass both ways at once")
  func bidirectional() async throws {
    let backend = try Backend { wire in
      _ = wire.readHead()
      wire.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
      while true {
        let chunk = wire.readChunk()
        wire.write("\(String(chunk.utf8.count, radix: 16))\r\n\(chunk)\r\n")
        if chunk.isEmpty { break }
      }
      _ = wire.read(exactly: 2)
    }
    try await Edge.serve(.bare(backend.target)) { edge in
      let client = try edge.connect()
      client.write("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
      #expect(client.readHead().hasPrefix("HTTP/1.1 200 OK\r\n"))
      for number in 0..<20 {
        client.write("6\r\nping\(number % 10)\n\r\n")
        #expect(client.readChunk() == "ping\(number % 10)\n")
      }
      client.write("0\r\n\r\n")
      #expect(client.readChunk() == "")
    }
    _ = backend.finish()
  }

  @Test("100-continue is asked for and answered through the proxy")
  func expectContinue() async throws {
    let backend = try Backend { wire in
      #expect(wire.readHead().contains("Expect: 100-continue\r\n"))
      wire.write("HTTP/1.1 100 Continue\r\n\r\n")
      let content = wire.read(exactly: 5)
      wire.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + latin1Text(content))
    }
    try await Edge.serve(.bare(backend.target)) { edge in
      let client = try edge.connect()
      client.write("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
      #expect(client.readAnswer().status == 100)
      client.write("hello")
      #expect(client.readAnswer().body == "hello")
    }
    _ = backend.finish()
  }

  @Test("A refusal instead of 100-continue is delivered, and the connection ends")
  func expectRefused() async throws {
    let backend = try Backend { wire in
      _ = wire.readHead()
      wire.write("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
    }
    try await Edge.serve(.bare(backend.target)) { edge in
      let client = try edge.connect()
      client.write("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
      #expect(client.readAnswer().body == "no")
      #expect(client.readToEnd() == [])
      #expect(client.ending == .closed)
    }
    _ = backend.finish()
  }

  @Test("An answer before the content's end reaches a client that goes on sending", arguments: [false, true])
  func earlyAnswer(secure: Bool) async throws {
    let backend = try Backend { wire in
      _ = wire.readHead()
      wire.write("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
      wire.shutdownWrite()
    }
    try await Edge.serve(
      .bare(backend.target, secure: true), credentials: [try Certificates.localhost.get()]
    ) { edge in
      let client = secure ? try edge.connectSecurely() : try edge.connect()
      // One byte never comes: what the backend's buffers take is not all.
      client.write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4194305\r\n\r\n")
      client.write([UInt8](repeating: 0x61, count: 4 << 20))
      #expect(client.readAnswer().body == "no")
      #expect(client.readToEnd() == [])
      #expect(client.ending == .closed)
    }
    _ = backend.finish()
  }

  @Test("A client that does not read stops the backend, and gets everything when it does")
  func backPressure() async throws {
    let total = 64 << 20
    let stuck = try Event()
    let backend = try Backend { wire in
      _ = wire.readHead()
      wire.write("HTTP/1.1 200 OK\r\nContent-Length: \(total)\r\n\r\n")
      let block = [UInt8](repeating: 0x61, count: 1 << 16)
      var sent = 0
      while sent < total {
        let n = wire.writeSome(Array(block.prefix(total - sent)))
        if n == 0, wire.isStuck { break }
        sent += n
      }
      #expect(sent < total)
      stuck.signal()
      while sent < total {
        wire.write(Array(block.prefix(total - sent)))
        sent += min(block.count, total - sent)
      }
    }
    try await Edge.serve(.bare(backend.target)) { edge in
      let client = try edge.connect(receiveBuffer: 16_384)
      client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
      #expect(stuck.wait())
      _ = client.readHead()
      #expect(client.read(exactly: total).count == total)
    }
    _ = backend.finish()
  }

  @Test(
    "A backend that does not read stops the client, and gets everything when it does",
    arguments: [false, true])
  func slowBackend(secure: Bool) async throws {
    let total = 16 << 20
    let go = try Event()
    let script: Backend.Script = { wire in
      _ = wire.readHead()
      go.wait()
      let count = wire.read(exactly: total).count
      wire.write("HTTP/1.1 200 OK\r\nContent-Length: \("\(count)".utf8.count)\r\n\r\n\(count)")
    }
    let backend = try Backend(tls: secure ? try Certificates.localhost.get() : nil, script)
    let target = secure ? try Settings.Backend.secure(backend.address, host: "localhost") : backend.target
    try await Edge.serve(.bare(target)) { edge in
      let client = try edge.connect()
      client.write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \(total)\r\n\r\n")
      let block = [UInt8](repeating: 0x62, count: 1 << 16)
      var sent = 0
      while sent < total {
        let n = client.writeSome(Array(block.prefix(total - sent)))
        if n == 0, client.isStuck { break }
        sent += n
      }
      #expect(sent < total)
      go.signal()
      while sent < total {
        let n = min(block.count, total - sent)
        client.write(Array(block.prefix(n)))
        sent += n
      }
      #expect(client.readAnswer().body == "\(total)")
    }
    _ = backend.finish()
  }
}
