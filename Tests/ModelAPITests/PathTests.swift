import ModelAPI
import TestRun
import Testing

@Suite("Paths of model servers", .ownThread) struct PathTests {
  private func find(_ path: String) -> (api: EngineAPI, model: String?)? {
    let bytes = Array(path.utf8)
    return bytes.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress, let found = EngineAPI.find(path: base, count: buffer.count) else {
        return nil
      }
      return (found.api, found.modelPlace.map { String(decoding: bytes[$0], as: UTF8.self) })
    }
  }

  @Test(
    "a path tells its interface, whatever stands before it",
    arguments: [
      ("/v1/chat/completions", .chatCompletions), ("/chat/completions", .chatCompletions),
      ("/openai/deployments/d/chat/completions", .chatCompletions), ("/v1/completions", .completions),
      ("/v1/responses", .responses), ("/v1/embeddings", .embeddings), ("/embeddings", .embeddings),
      ("/v1/audio/transcriptions", .transcriptions), ("/v1/audio/translations", .translations),
      ("/v1/audio/speech", .speech), ("/v1/messages", .messages), ("/api/chat", .ollamaChat),
      ("/api/generate", .ollamaGenerate), ("/api/embed", .ollamaEmbed),
      ("/api/embeddings", .ollamaEmbeddings),
      ("/generate", .generate), ("/", .generate), ("/generate_stream", .generateStream),
      ("/completion", .llamaCompletion), ("/completions", .llamaCompletion),
      ("/inference.GRPCInferenceService/ModelInfer", .kserveCall),
      ("/inference.GRPCInferenceService/ModelStreamInfer", .kserveStreamCall),
    ] as [(String, EngineAPI)])
  func plain(_ path: String, _ api: EngineAPI) throws {
    let found = try #require(find(path))
    #expect(found.api == api && found.model == nil)
    if path != "/" { #expect(find("/openai" + path)?.api == api && find("/a/b%2F" + path)?.api == api) }
  }

  @Test(
    "a path with a model in it tells where",
    arguments: [
      ("/v2/models/llm/infer", .kserveInfer, "llm"), ("/v2/models/llm/versions/3/infer", .kserveInfer, "llm"),
      ("/v2/models/a%2Fb/generate", .kserveGenerate, "a%2Fb"),
      ("/v2/models/llm/generate_stream", .kserveGenerateStream, "llm"),
      ("/x/v2/models/llm/versions/1/generate_stream", .kserveGenerateStream, "llm"),
      ("/v2/models/versions/infer", .kserveInfer, "versions"),
      ("/v1/models/m:predict", .tensorFlowPredict, "m"),
      ("/v1/models/m:7b:predict", .tensorFlowPredict, "m:7b"),
      ("/v1/models/m/versions/2:predict", .tensorFlowPredict, "m"),
      ("/v1/models/m/labels/canary:classify", .tensorFlowPredict, "m"),
      ("/v1/models/m:regress", .tensorFlowPredict, "m"), ("/v1/models/m:generate", .tensorFlowGenerate, "m"),
      ("/tf/v1/models/m:generateText", .tensorFlowGenerate, "m"),
    ] as [(String, EngineAPI, String)])
  func models(_ path: String, _ api: EngineAPI, _ model: String) throws {
    let found = try #require(find(path))
    #expect(found.api == api && found.model == model)
  }

  @Test(
    "what is no path of a model server is none",
    arguments: [
      "", "x", "v1/chat/completions", "/v1/chat/completions/", "/v1/Messages", "/v1/models", "/v1/models/m",
      "/xv1/messages", "/messages", "/v1/messages/count_tokens", "/api/tags", "/v2/models/m",
      "/v2/models//infer",
      "/v2/models/infer", "/v1/models/:predict", "/v1/models/m:train", "/v2/models/m:predict",
      "/v1/models/m/infer",
      "//", "/health", "/audio/speech", "/v1/embeddings2", "/v2/models/m/version/1/infer",
    ])
  func others(_ path: String) { #expect(find(path) == nil) }

  @Test("only audio's transcriptions and translations are forms")
  func forms() {
    #expect(EngineAPI.allCases.filter(\.takesForm) == [.transcriptions, .translations])
  }
}
