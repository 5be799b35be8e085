import EndToEnd
import TestRun
import Testing

/// KServe's gRPC service behind certd: Python's own gRPC on both sides.
@Suite(.ownThread) struct KServeTests {
  @Test(
    "calls go by the model in them, by its other name where there is one, and errors are told as gRPC does")
  func calls() async throws {
    let place = try Place()
    let python = PythonClient(place)
    let engines = try await [python.serve("kserve_server", ["one"]), python.serve("kserve_server", ["two"])]
    let file = try place.write(
      "certd.yaml",
      """
      store: store
      acme: {issuers: [local]}
      listeners: [{address: "127.0.0.1:0"}]
      keys: {team: {file: keys}}
      routes:
        - hosts: [localhost]
          service: one
          keys: team
          models: {a: one, b: two, whatever: two, c: {service: two, model: "\(String(repeating: "a-name-", count: 30))x"}}
      services:
        one: {protocol: h2c, policy: model-aware, backends: ["127.0.0.1:\(engines[0].port)"]}
        two: {protocol: h2c, policy: model-aware, backends: ["127.0.0.1:\(engines[1].port)"]}
      """)
    let certd = try Certd(place)
    let made = try await certd(
      "key", "create", "--config", file, "--name", "alice", with: ["--requests-per-minute", "60"])
    #expect(made.ending == .exited(0), "\(made)")
    let key = String(made.output.split(separator: "\n").first ?? "")
    let daemon = try await certd.run(["--config", file])
    try await daemon.logged("certificate proven")
    let root = try place.write("root.pem", try await certd("ca", "root", "--store", place("store")).output)
    let finished = try await python("kserve_client", ["\(try daemon.httpsPort())", root, key])
    #expect(
      finished.ending == .exited(0) && finished.output.hasSuffix("all ok\n"), "\(finished)\n\(daemon.log)")
    _ = try await daemon.stop()
    withExtendedLifetime(engines) {}
  }
}
