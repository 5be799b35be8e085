import EndToEnd
import TestRun
import Testing

/// Chains of services and the list of models, as a client of the real program sees them.
@Suite("Models of several services", .ownThread) struct ModelChainTests {
  @Test("the list has what engines tell and the file names, and a service that is down is stood in for")
  func chain() async throws {
    let port = try FreePort.take()
    let scene = try await RealClientTests.Scene(
      services: #"  gone: {kind: vllm, backends: ["127.0.0.1:\#(port)"]}"#,
      models: """
            models:
              first: {service: gone, model: x, fallback: [{service: chat, model: demo}]}
              "demo*": again
              "*": {status: 404}
        """)
    let curl = Curl(scene.place, host: "localhost", port: try #require(UInt16(scene.port)), root: scene.root)
    try await eventually("engines have told of their models") {
      try await curl("/v1/models").output.contains(#""owned_by":"certd""#)
    }
    let list = try await curl("/v1/models").output
    #expect(list.hasPrefix(#"{"object":"list","data":[{"id":"first","object":"model""#), "\(list)")
    #expect(list.contains(#"{"id":"demo","object":"model""#))
    #expect(try await curl("/v1/models/demo").output.hasPrefix(#"{"id":"demo""#))
    #expect(try await curl("/v1/models/other").output.contains("model_not_found"))
    func ask(_ model: String) async throws -> String {
      try await curl("/v1/chat/completions", ["-d", #"{"model":"\#(model)","max_tokens":2}"#]).output
    }
    #expect(try await ask("first").contains("chat.completion"))
    #expect(try await ask("demo-lora").contains("chat.completion"))
    #expect(try await ask("other").contains("model_not_found"))
  }
}
