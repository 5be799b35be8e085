import EndToEnd
import TestPeers
import OS
import TestRun
import Testing

/// Clients that ask for streams of events and do not read them.
@Suite(.ownThread) struct SlowReaderTests {
  private static let streams = 100

  @Test("they cost bounded memory, and others are answered", arguments: ["HTTP/1.1", "HTTP/2"])
  func slow(_ version: String) async throws {
    let place = try Place()
    let server = try await PythonClient(place).serve("endless_server")
    let scene = try await RealClientTests.Scene(
      services: #"  events: {backends: ["127.0.0.1:\#(server.port)"], health: {enabled: false}}"#,
      routes: #"  - {hosts: [localhost], paths: ["/endless/*", /other], service: events}"#)
    let address = try #require(SocketAddress(host: "127.0.0.1", port: scene.plain))
    let before = try #require(scene.daemon.child.memoryInBytes)
    let crowd = try await OwnThread.run {
      Result { try version == "HTTP/2" ? Self.streams(address) : Self.connections(address) }
    }.get()
    try await eventually("all are stuck: \(server.child.output.count)") {
      server.child.output.split(separator: "\n").count { $0 == "stuck" } >= Self.streams
    }
    let after = try #require(scene.daemon.child.memoryInBytes, "certd has ended: \(scene.daemon.log)")
    // A buffer of 64 KiB each, and as much for what is on its way.
    #expect((after - before) / Self.streams < 192 << 10, "\((after - before) / Self.streams) bytes each")
    let answer = try await OwnThread.run {
      Result {
        let client = try HTTP2Connection(to: address)
        client.start()
        client.send(.headers(1, Self.request("/other")))
        return client.response(1).text
      }
    }.get()
    #expect(answer == "hello")
    withExtendedLifetime(crowd) {}
  }

  private final class Crowd: Sendable {
    // Kept open, and otherwise left alone.
    nonisolated(unsafe) let members: [AnyObject]
    init(_ members: [AnyObject]) { self.members = members }
  }

  private static func request(_ path: String) -> [UInt8] {
    HPACK.block([":method=GET", ":scheme=http", Header(":path", path), ":authority=localhost"])
  }

  private static func connections(_ address: SocketAddress) throws -> Crowd {
    Crowd(
      try (0..<streams).map { _ in
        let wire = try Wire.connect(address, receiveBuffer: 4096)
        wire.write(Array("GET /endless/1 HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
        return wire
      })
  }

  private static func streams(_ address: SocketAddress) throws -> Crowd {
    Crowd(
      try (0..<streams / 50).map { _ in
        let client = try HTTP2Connection(to: address)
        client.start()
        for number in 0..<50 { client.send(.headers(UInt32(number) * 2 + 1, request("/endless/1"))) }
        return client
      })
  }
}
