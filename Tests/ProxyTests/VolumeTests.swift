import Proxy
import TestSupport
import TestPeers
import TestRun
import Testing

@Suite("Large contents", .ownThread) struct VolumeTests {
  struct Row: Sendable {
    var secureClient = false
    var secureBackend = false
    var chunked = false
  }

  static let rows: [Row] = [
    .init(), .init(chunked: true), .init(secureClient: true, secureBackend: true),
    .init(secureClient: true, secureBackend: true, chunked: true),
  ]

  /// Content as it goes over the wire: chunks of random sizes, or as it is.
  static func wireForm(_ content: [UInt8], chunked: Bool, seed: UInt64) -> [UInt8] {
    guard chunked else { return content }
    var random = SeededGenerator(seed: seed)
    var all: [UInt8] = []
    var at = 0
    while at < content.count {
      let n = min(content.count - at, Int.random(in: 1...70_000, using: &random))
      all += latin1("\(String(n, radix: 16))\r\n") + content[at..<at + n] + [13, 10]
      at += n
    }
    return all + latin1("0\r\n\r\n")
  }

  @Test("Eight MiB each way arrive as they were sent", arguments: rows)
  func bothWays(_ row: Row) async throws {
    var random = SeededGenerator(seed: 42)
    let up = random.bytes(8 << 20)
    let down = random.bytes(8 << 20)
    let upWire = Self.wireForm(up, chunked: row.chunked, seed: 1)
    let downWire = Self.wireForm(down, chunked: row.chunked, seed: 2)
    let framing = row.chunked ? "Transfer-Encoding: chunked" : "Content-Length: \(up.count)"
    let script: Backend.Script = { wire in
      let head = wire.readHead()
      // As the content comes in, the response goes out.
      wire.write("HTTP/1.1 200 OK\r\n\(framing)\r\n\r\n")
      wire.write(Array(downWire.dropLast(20)), step: 50_000) { $0.count >= head.utf8.count + upWire.count }
      // The response ends when all has come: its end would stop what is still on its way.
      wire.write(Array(downWire.suffix(20)))
      _ = wire.readToEnd()
    }
    let backend = try Backend(tls: row.secureBackend ? try Certificates.localhost.get() : nil, script)
    let target =
      row.secureBackend ? try Settings.Backend.secure(backend.address, host: "localhost") : backend.target
    try await Edge.serve(
      .bare(target, secure: true), credentials: [try Certificates.localhost.get()]
    ) { edge in
      let client = row.secureClient ? try edge.connectSecurely() : try edge.connect()
      client.write("POST / HTTP/1.1\r\nHost: h\r\n\(framing)\r\n\r\n")
      let head = "HTTP/1.1 200 OK\r\n\(framing)\r\n\r\n"
      client.write(upWire, step: 30_000) { received in received.count >= head.utf8.count + downWire.count }
      #expect(client.received == latin1(head) + downWire)
    }
    let head = "POST / HTTP/1.1\r\nHost: h\r\n\(framing)\r\n\r\n"
    #expect(backend.finishBytes() == [latin1(head) + upWire])
  }
}
