import EndToEnd
import TestRun
import Testing

@Suite("Calls that are refused", .ownThread) struct RefusedCallTests {
  @Test(
    "grpcio is told UNAUTHENTICATED without a good key, and RESOURCE_EXHAUSTED where nobody may wait",
    .enabled(if: PythonClient.has("grpc"), "grpcio is not installed (scripts/python-clients): skipped"))
  func grpc() async throws {
    let place = try Place()
    let certd = try Certd(place)
    let server = try await PythonClient(place).serve("grpc_server")
    let file = try place.write(
      "certd.yaml",
      """
      store: store
      listeners: [{address: "127.0.0.1:0", tls: off, h2c: true}]
      keys: {team: {file: keys}}
      routes: [{service: calls, keys: team}]
      services:
        calls:
          protocol: h2c
          backends: ["127.0.0.1:\(server.port)"]
          health: {enabled: false}
          max_requests_per_backend: 1
          queue: {size: 0}
      """)
    let made = try await certd("key", "create", "--config", file, "--name", "alice")
    let secret = String(made.output.split(separator: "\n").first ?? "")
    let daemon = try await certd.run(["--config", file])
    let finished = try await PythonClient(place)("grpc_refused", ["\(daemon.port("http"))", secret])
    #expect(
      finished.ending == .exited(0) && finished.output.hasSuffix("all ok\n"), "\(finished)\n\(daemon.log)")
    _ = try await daemon.stop()
    withExtendedLifetime(server.child) {}
  }
}
