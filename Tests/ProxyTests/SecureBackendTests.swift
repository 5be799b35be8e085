import OS
import Proxy
import TLS
import TestSupport
import TestPeers
import TestRun
import Testing

@Suite("Backends that speak TLS", .ownThread) struct SecureBackendTests {
  @Test("A backend is verified by the name that it is known by, or by the one that is configured")
  func verified() async throws {
    let credential = try Certificates.authority.get().credential("inner.test")
    let backend = try Backend(tls: credential) { answerProbe($0) }
    let rows: [(host: String, serverName: String?, status: Int)] = [
      ("inner.test", nil, 200), ("127.0.0.1", "inner.test", 200), ("127.0.0.1", nil, 503),
      ("other.test", nil, 503),
      ("inner.test", "other.test", 503),
    ]
    for row in rows {
      try await Edge.serve(.bare(try .secure(backend.address, host: row.host, serverName: row.serverName))) {
        edge in
        let client = try edge.connect()
        for _ in 0..<2 {
          client.write(FramingCase.probe)
          #expect(client.readAnswer().status == row.status, "\(row)")
        }
      }
    }
    _ = backend.finish()
  }

  @Test(
    "A certificate by somebody unknown is refused, and the next backend is taken; said otherwise it will do")
  func unknownIssuer() async throws {
    let strange = try TestAuthority("Stranger").credential("localhost")
    let wrong = try Backend(tls: strange) { answerProbe($0) }
    let right = try Backend(tls: try Certificates.localhost.get()) { wire in
      while wire.readHead().hasSuffix("\r\n\r\n") {
        wire.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright")
      }
    }
    let refused = try Settings.Backend.secure(wrong.address, host: "localhost")
    try await Edge.serve(.bare(refused, try .secure(right.address, host: "localhost"))) { edge in
      let client = try edge.connect()
      for _ in 0..<4 {
        client.write(FramingCase.probe)
        #expect(client.readAnswer().body == "right")
      }
      #expect(edge.reports.contains { $0.contains("TLS: ") })
    }
    var lenient = refused
    lenient.trust.verifies = false
    try await Edge.serve(.bare(lenient)) { edge in
      let client = try edge.connect()
      client.write(FramingCase.probe)
      #expect(client.readAnswer().body == "probe")
    }
    _ = wrong.finish()
    _ = right.finish()
  }

  @Test("A plain server behind a TLS backend is a backend that cannot be reached")
  func plain() async throws {
    let backend = try Backend { wire in
      _ = wire.read()
      wire.write("HTTP/1.1 400 Bad Request\r\n\r\n")
      wire.shutdownWrite()
    }
    try await Edge.serve(.bare(try .secure(backend.address, host: "localhost"))) { edge in
      let client = try edge.connect()
      client.write(FramingCase.probe)
      #expect(client.readAnswer().status == 503)
    }
    _ = backend.finish()
  }

  @Test("A response cut off without TLS's own end is not taken for complete")
  func truncated() async throws {
    let backend = try Backend(tls: try Certificates.localhost.get()) { wire in
      _ = wire.readHead()
      wire.write("HTTP/1.1 200 OK\r\n\r\nhalf of")
      wire.close()
    }
    try await Edge.serve(.bare(try .secure(backend.address, host: "localhost"))) { edge in
      let client = try edge.connect()
      client.write(FramingCase.probe)
      let answer = client.readAnswer()
      #expect(!answer.isComplete)
      #expect(client.ending == .reset)
    }
    _ = backend.finish()
  }
}
