import EndToEnd
import TestPeers
import OS
import TestRun
import Testing

/// Health checks of real gRPC servers by the real program.
@Suite(.ownThread) struct GRPCHealthCheckTests {
  @Test("a server that stops serving gets no calls until it serves again; one without the service never does")
  func check() async throws {
    let place = try Place()
    let server = try await PythonClient(place).serve("grpc_health_server")
    func service(_ name: String, _ asked: String) -> String {
      """
        \(name):
          protocol: h2c
          backends: ["127.0.0.1:\(server.port)"]
          health: {grpc: true, grpc_service: "\(asked)", interval: 500ms, timeout: 500ms}
      """
    }
    let scene = try await RealClientTests.Scene(
      services: [service("ready", "ready"), service("lost", "lost")].joined(separator: "\n"),
      routes: """
          - {hosts: [lost.test], service: lost}
          - {hosts: [ready.test], service: ready}
        """)
    let address = try #require(SocketAddress(host: "127.0.0.1", port: scene.plain))
    func status(_ host: String) async throws -> String? {
      try await OwnThread.run {
        Result {
          let client = try HTTP2Connection(to: address)
          client.start()
          client.send(
            .headers(
              1,
              HPACK.block([
                ":method=POST", ":scheme=http", ":path=/test.Hello/Say", Header(":authority", host),
                "content-type=application/grpc", "te=trailers",
              ]), end: false), .data(1, [0, 0, 0, 0, 0], end: true))
          let answer = client.response(1)
          return (answer.trailers ?? answer.headers).first { $0.name == Array("grpc-status".utf8) }
            .map { String(decoding: $0.value, as: UTF8.self) }
        }
      }.get()
    }
    try await eventually("health is known: \(scene.daemon.log)") {
      guard try await status("ready.test") == "0" else { return false }
      return try await status("lost.test") == "14"
    }
    #expect(scene.daemon.log.contains("grpc-status 5: unknown service"))
    for (value, word) in [("2", "NOT_SERVING"), ("0", "UNKNOWN")] {
      try place.write("serving", value)
      try await eventually("\(word) is noticed: \(scene.daemon.log)") {
        try await status("ready.test") == "14" && scene.daemon.log.contains(word)
      }
      try place.write("serving", "1")
      try await eventually("it serves again: \(scene.daemon.log)") { try await status("ready.test") == "0" }
    }
    // A server that is not there at all is noticed as well.
    server.child.signal(9)
    try await eventually("its end is noticed: \(scene.daemon.log)") {
      try await status("ready.test") == "14" && scene.daemon.lines("backend unhealthy").count >= 4
    }
  }
}
