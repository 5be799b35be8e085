import ModelAPI
import TestRun
import Testing

@Suite("Content for a prompt", .ownThread) struct AskingTests {
  private static let prompt = String(repeating: "A \"word\", and\nanother; ", count: 200)

  @Test(
    "is read as its interface's: the model, and all of the prompt",
    arguments: [
      "/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/embeddings", "/v1/messages",
      "/api/chat",
      "/api/generate", "/api/embed", "/generate", "/generate_stream", "/completion", "/v2/models/m/generate",
      "/v1/models/m:predict", "/m/x/v1/chat/completions?a=1", "/unknown",
    ])
  func read(_ path: String) throws {
    let content = EngineAPI.content(path: path, model: "llama-3", prompt: Self.prompt)
    let reading = try RequestReading(content, pieces: [content.count])
    #expect(reading.name == "llama-3" && reading.fault == nil && reading.isWhole)
    #expect(
      reading.promptBytes > Self.prompt.utf8.count && reading.blocks.count >= Self.prompt.utf8.count / 256)
  }

  @Test("a chat's is compact, so that its hashes are those of clients that write it so")
  func compact() {
    let content = EngineAPI.content(path: "/v1/chat/completions", model: "m", prompt: "Hello")
    #expect(
      String(decoding: content, as: UTF8.self)
        == #"{"model":"m","messages":[{"role":"user","content":"Hello"}]}"#)
  }
}
