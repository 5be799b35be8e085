import EndToEnd
import TestRun
import Testing

/// OpenAI's own client, and engines that speak HTTP/2 alone.
@Suite(.ownThread) struct ReadingTests {
  @Test("models, aliases, compressed content, usage and keys' tokens are read for engines of HTTP/2")
  func clients() async throws {
    let place = try Place()
    let python = PythonClient(place)
    let engines = try await [python.serve("h2_engine", ["one"]), python.serve("h2_engine", ["two"])]
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
          models: {a: one, b: two, c: {service: two, model: a-much-longer-name}}
      services:
        one: {protocol: h2c, kind: vllm, backends: ["127.0.0.1:\(engines[0].port)"], health: {enabled: false}}
        two: {protocol: h2c, kind: vllm, backends: ["127.0.0.1:\(engines[1].port)"], health: {enabled: false}}
      """)
    let certd = try Certd(place)
    let made = try await certd(
      "key", "create", "--config", file, "--name", "alice", with: ["--tokens-per-minute", "1M"])
    #expect(made.ending == .exited(0), "\(made)")
    let key = String(made.output.split(separator: "\n").first ?? "")
    let daemon = try await certd.run(["--config", file])
    try await daemon.logged("certificate proven")
    let root = try place.write("root.pem", try await certd("ca", "root", "--store", place("store")).output)
    let finished = try await python("reading_client", ["\(try daemon.httpsPort())", root, key])
    #expect(
      finished.ending == .exited(0) && finished.output.hasSuffix("all ok\n"), "\(finished)\n\(daemon.log)")
    let metrics = try await place.run(
      ["curl", "-sS", "--unix-socket", place("store/admin.sock"), "http://certd/metrics"], called: "curl"
    ).output
    // 73 tokens of each of 16 requests: so the engines have told.
    #expect(metrics.contains("certd_key_used") && metrics.contains(" 1168\n"))
    #expect(metrics.contains("gen_ai_server_time_to_first_token_seconds_count"))
    _ = try await daemon.stop()
    withExtendedLifetime(engines) {}
  }
}
