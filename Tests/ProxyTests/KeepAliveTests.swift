import Proxy
import Telemetry
import TestSupport
import TestPeers
import TestRun
import Testing

@Suite("Connections that are kept", .ownThread) struct KeepAliveTests {
  @Test("Ten pipelined requests are answered in order, in one piece or cut anywhere")
  func pipelined() async throws {
    let backend = try Backend { wire in
      while true {
        let head = wire.readHead()
        guard let path = head.split(separator: " ").dropFirst().first else { return }
        wire.write("HTTP/1.1 200 OK\r\nContent-Length: \(path.utf8.count)\r\n\r\n\(path)")
      }
    }
    try await Edge.serve(.bare(backend.target)) { edge in
      let requests = latin1((0..<10).map { "GET /\($0) HTTP/1.1\r\nHost: h\r\n\r\n" }.joined())
      let client = try edge.connect()
      for cut in stride(from: 1, to: requests.count, by: 7) {
        client.write(Array(requests[..<cut]))
        client.write(Array(requests[cut...]))
        for number in 0..<10 { #expect(client.readAnswer().body == "/\(number)") }
      }
    }
    _ = backend.finish()
  }

  @Test("A kept backend connection serves the next request, of another client too")
  func reuse() async throws {
    let backend = try Backend { answerProbe($0) }
    try await Edge.serve(.bare(backend.target)) { edge in
      for _ in 0..<3 {
        let client = try edge.connect()
        for _ in 0..<3 {
          client.write(FramingCase.probe)
          #expect(client.readAnswer().body == "probe")
        }
      }
      #expect(edge.proxy.counters[.upstreamConnectionsReused] == 8)
      #expect(edge.proxy.counters[.requests] == 9)
      #expect(edge.proxy.counters[.responses2xx] == 9)
    }
    #expect(backend.finish().count == 1)
  }

  static let notReusable = [
    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokX",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n",
  ]

  @Test("A backend connection that says close, or says too much, is not used again", arguments: notReusable)
  func notReused(_ response: String) async throws {
    let backend = try Backend(
      { wire in
        _ = wire.readHead()
        wire.write(response)
      }, { answerProbe($0) })
    try await Edge.serve(.bare(backend.target)) { edge in
      let client = try edge.connect()
      client.write(FramingCase.probe)
      #expect(client.readAnswer().body == "ok")
      client.write(FramingCase.probe)
      #expect(client.readAnswer().body == "probe")
    }
    #expect(backend.finish() == [FramingCase.probe, FramingCase.probe])
  }

  @Test("A kept connection that its backend has closed costs no request that may be repeated")
  func stale() async throws {
    let backend = try Backend(
      { wire in
        _ = wire.readHead()
        wire.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        _ = wire.readHead()
        wire.reset()
      }, { answerProbe($0) })
    try await Edge.serve(.bare(backend.target)) { edge in
      let client = try edge.connect()
      client.write(FramingCase.probe)
      #expect(client.readAnswer().body == "ok")
      client.write(FramingCase.probe)
      #expect(client.readAnswer().body == "probe")
    }
    #expect(backend.finish() == [FramingCase.probe + FramingCase.probe, FramingCase.probe])
  }

  @Test("A POST that the backend may have seen is not sent twice")
  func postOnce() async throws {
    let post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi"
    let backend = try Backend(
      { wire in
        _ = wire.readHead()
        wire.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        _ = wire.read(exactly: post.utf8.count)
        wire.reset()
      }, { answerProbe($0) })
    try await Edge.serve(.bare(backend.target)) { edge in
      let client = try edge.connect()
      client.write(FramingCase.probe)
      #expect(client.readAnswer().body == "ok")
      client.write(post)
      #expect(client.readAnswer().status == 502)
    }
    #expect(backend.finish() == [FramingCase.probe + post])
  }

  @Test("A response and the backend's close that come together are both seen, also before a POST")
  func closeBehindResponse() async throws {
    let post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi"
    let backend = try Backend { wire in
      _ = wire.read(exactly: post.utf8.count)
      wire.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
      wire.close()
    }
    try await Edge.serve(.bare(backend.target)) { edge in
      let client = try edge.connect()
      for _ in 0..<50 {
        client.write(post)
        let answer = client.readAnswer()
        // The close may still be on its way when the next request leaves.
        #expect(answer.body == "ok" || answer.status == 502)
      }
    }
    _ = backend.finish()
  }

  @Test("Content that ends with the connection is complete however its end arrives")
  func untilClose() async throws {
    let backend = try Backend { wire in
      _ = wire.readHead()
      wire.write("HTTP/1.0 200 OK\r\n\r\nall of it")
      wire.close()
    }
    try await Edge.serve(.bare(backend.target)) { edge in
      let client = try edge.connect()
      for _ in 0..<100 {
        client.write(FramingCase.probe)
        let answer = client.readAnswer()
        #expect(answer.body == "all of it" && answer.isComplete)
      }
    }
    _ = backend.finish()
  }

  @Test("Requests pipelined behind one that fails are answered too")
  func pipelinedFailures() async throws {
    let dead = try Settings.Backend.refusing()
    try await Edge.serve(.bare(dead)) { edge in
      let client = try edge.connect()
      client.write(String(repeating: FramingCase.probe, count: 5))
      for _ in 0..<5 { #expect(client.readAnswer().status == 503) }
    }
  }

  @Test("A client that never reads its answers is not answered for ever")
  func answersNotTaken() async throws {
    try await Edge.serve(.bare([]) { $0.routes = [] }) { edge in
      let client = try edge.connect(receiveBuffer: 4096)
      let requests = latin1(String(repeating: FramingCase.probe, count: 1000))
      // The proxy stops reading when its answers are not taken: then there is no more room.
      var written = 0
      while written < 64 << 20 {
        let n = client.writeSome(requests)
        if n == 0, client.isStuck { break }
        written += n
      }
      #expect(written < 64 << 20)
      #expect(client.readAnswer().status == 404)
    }
  }
}
