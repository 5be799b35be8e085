import EndToEnd
import TestRun
import Testing

/// llama.cpp's own server behind certd.
@Suite(.ownThread) struct LlamaTests {
  @Test(
    "two real engines answer OpenAI's and Anthropic's clients by model and by alias, and stop when a client leaves",
    .enabled(
      if: PythonClient.has("xllamacpp"), "llama.cpp's server (PyPI's xllamacpp) is not installed: skipped"))
  func clients() async throws {
    let place = try Place()
    let python = PythonClient(place)
    var engines: [(port: String, child: Child)] = []
    for number in 0..<2 {
      engines.append(try await python.serve("llama_server", [place("\(number).gguf"), "tiny"]))
    }
    let file = try place.write(
      "certd.yaml",
      """
      store: store
      acme: {issuers: [local]}
      listeners: [{address: "127.0.0.1:0"}]
      routes:
        - hosts: [localhost]
          service: chat
          models: {tiny: chat, gpt-4o: {service: chat, model: tiny}}
      services:
        chat:
          kind: llama.cpp
          include_usage: true
          backends: [\(engines.map { "\"127.0.0.1:\($0.port)\"" }.joined(separator: ", "))]
      """)
    let certd = try Certd(place)
    let daemon = try await certd.run(["--config", file])
    try await daemon.logged("certificate proven")
    let root = try place.write("root.pem", try await certd("ca", "root", "--store", place("store")).output)
    let finished = try await python(
      "llama_client",
      ["\(try daemon.httpsPort())", root, "none"] + engines.map { "http://127.0.0.1:\($0.port)/metrics" })
    #expect(
      finished.ending == .exited(0) && finished.output.hasSuffix("all ok\n"), "\(finished)\n\(daemon.log)")
    let metrics = try await place.run(
      ["curl", "-sS", "--unix-socket", place("store/admin.sock"), "http://certd/metrics"], called: "curl")
    #expect(metrics.output.contains(#"gen_ai_request_model="gpt-4o",gen_ai_operation_name="chat"} "#))
    _ = try await daemon.stop()
    withExtendedLifetime(engines) {}
  }
}
