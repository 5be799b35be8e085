import Proxy
import Telemetry
import TestSupport
import TestPeers
import TestRun
import Testing

@Suite("Clients that leave", .ownThread) struct ClientGoneTests {
  enum Moment: CaseIterable { case beforeHead, inStream, inFixedContent, beforeContent }

  @Test(
    "The backend's connection is closed as soon as its client is gone", arguments: Moment.allCases,
    [false, true])
  func gone(_ moment: Moment, secure: Bool) async throws {
    let arrived = try Event()
    let ended = try Event()
    let backend = try Backend { wire in
      _ = wire.readHead()
      switch moment {
      case .beforeHead, .beforeContent: break
      case .inStream: wire.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
      case .inFixedContent: wire.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello")
      }
      arrived.signal()
      _ = wire.readToEnd()
      ended.signal()
    }
    try await Edge.serve(.bare(backend.target, secure: true), credentials: [try Certificates.localhost.get()])
    {
      edge in
      let client = secure ? try edge.connectSecurely() : try edge.connect()
      let length = moment == .beforeContent ? 10 : 0
      client.write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \(length)\r\n\r\n")
      #expect(arrived.wait())
      if moment == .inStream || moment == .inFixedContent { _ = client.read(through: "hello") }
      client.close()
      #expect(ended.wait())
      #expect(edge.proxy.counters[.requestsAborted] == 1)
    }
    _ = backend.finish()
  }

  @Test("A request whose client closes right behind it leaves no exchange behind")
  func closedAtOnce() async throws {
    let backend = try Backend { wire in _ = wire.readToEnd() }
    try await Edge.serve(.bare(backend.target)) { edge in
      for _ in 0..<50 {
        let client = try edge.connect()
        client.write(FramingCase.probe)
        client.close()
      }
      // Whatever of them has reached the backend is closed again: only then is there an end to wait for.
      let last = try edge.connect()
      last.write("GET / HTTP/2.0\r\nHost: h\r\n\r\n")
      #expect(last.readAnswer().status == 505)
    }
    for received in backend.finish() { #expect(received == "" || received == FramingCase.probe) }
  }
}
