import Configuration
import EndToEnd
import TestRun
import Testing

@testable import certd

@Suite(.ownThread) struct EngineKindTests {
  @Test(
    "an answer tells which model server it is, that it is too early, or nothing",
    arguments: [
      ("/v1/models", 200, #"{"object":"list","data":[{"id":"m","owned_by":"vllm"}]}"#, .kind(.vllm)),
      ("/v1/models", 200, #"{"data":[{"id":"m","owned_by":"sglang"}]}"#, .kind(.sglang)),
      ("/v1/models", 200, #"{"data":[{"id":"m","owned_by":"llamacpp"}]}"#, .kind(.llamaCpp)),
      ("/v1/models", 200, #"{"data":[{"id":"m","owned_by":"tensorrt_llm"}]}"#, .kind(.tensorRTLLM)),
      ("/v1/models", 200, #"{"data":[{"id":"m","owned_by":"library"}]}"#, .nothing),
      ("/v1/models", 200, #"{"data":[]}"#, .nothing), ("/v1/models", 200, "<html>", .nothing),
      ("/v1/models", 503, #"{"error":{"message":"Loading model"}}"#, .later),
      ("/v1/models", 404, #"{"error": "Malformed request: GET /v1/models"}"#, .kind(.tfServing)),
      ("/v1/models", 404, "", .nothing), ("/api/version", 200, #"{"version":"0.5.1"}"#, .kind(.ollama)),
      ("/api/version", 404, #"{"version":"0.5.1"}"#, .nothing),
      ("/v2", 200, #"{"name":"triton","version":"2.50.0"}"#, .kind(.triton)), ("/v2", 200, "{}", .nothing),
      ("/info", 200, #"{"model_id":"m","max_concurrent_requests":128}"#, .kind(.tgi)),
      ("/info", 200, #"{"model_id":7}"#, .nothing),
    ] as [(String, Int, String, EngineKind.Finding)])
  func read(_ path: String, _ status: Int, _ body: String, _ expected: EngineKind.Finding) {
    #expect(EngineKind.read(path, status: status, body: Array(body.utf8)) == expected)
  }

  @Test(
    "one --backend is recognised as llama.cpp, and served as that from then on",
    .enabled(
      if: PythonClient.has("xllamacpp"), "llama.cpp's server (PyPI's xllamacpp) is not installed: skipped"))
  func real() async throws {
    let place = try Place()
    let engine = try await PythonClient(place).serve("llama_server", [place("a.gguf"), "tiny"])
    let daemon = try await Certd(place).run([
      "--config", "off", "--store", place("store"), "--issuer", "local", "--domain", "localhost", "--backend",
      "http://127.0.0.1:\(engine.port)", "--https-address", "127.0.0.1:0", "--http-address", "off",
    ])
    try await daemon.logged("backends recognised")
    #expect(daemon.lines("backends recognised").contains { $0.contains(#""kind":"llama.cpp""#) })
    _ = try await daemon.stop()
    withExtendedLifetime(engine.child) {}
  }
}
