import Exchange
import TestPeers
import TestRun
import TestSupport
import Testing
import Upstream

@testable import Proxy

@Suite("What models there are", .ownThread) struct ModelListTests {
  private func catalog(_ rules: [Settings.ModelRule], _ lists: [[String]]) -> [String] {
    ModelCatalog(rules) { service in lists[service].map { ListedModels.Entry(id: $0) } }.entries.map(\.id)
  }

  @Test("names that are written count always, and behind a wildcard what engines list and nobody else has")
  func merging() {
    let rules: [Settings.ModelRule] = [
      .init(.exact("alias"), service: 0, model: "llama"), .init(.prefix("qwen"), service: 1),
      .init(.prefix("qwen-secret"), []), .init(.any, [.init(service: 2)], fallback: [.init(service: 0)]),
      .init(.exact("gone"), []),
    ]
    let lists = [
      ["llama"], ["qwen-7b", "qwen-lora", "other"], ["gone", "qwen-7b", "embed", "qwen-secret-1"],
    ]
    #expect(catalog(rules, lists) == ["alias", "qwen-7b", "qwen-lora", "embed", "llama"])
  }

  @Test("an entry has what its engine tells of it, under the name that clients use")
  func entry() {
    let rules: [Settings.ModelRule] = [.init(.exact("a\"b"), service: 0, model: "llama")]
    let catalog = ModelCatalog(rules) { _ in [.init(id: "llama", created: 17, owner: "vllm")] }
    #expect(
      String(decoding: catalog.list { _ in true }, as: UTF8.self)
        == #"{"object":"list","data":[{"id":"a\"b","object":"model","created":17,"owned_by":"vllm"}]}"#)
    #expect(String(decoding: catalog.list { _ in false }, as: UTF8.self) == #"{"object":"list","data":[]}"#)
  }

  @Test("an engine that has told nothing may have any model, others those of their list")
  func listed() {
    let models = ListedModels()
    let name = Rendezvous.hash("lora".utf8)
    #expect(models.mayHave(name) && models.entries == nil && models.revision == 0)
    models.tell([.init(id: "base")])
    #expect(!models.mayHave(name) && models.revision == 1)
    models.tell([.init(id: "base"), .init(id: "lora")])
    models.tell([.init(id: "base"), .init(id: "lora")])
    #expect(models.mayHave(name) && models.revision == 2)
    models.tell(nil)
    #expect(models.mayHave(name))
  }

  private func engine(_ name: String) throws -> Backend {
    try Backend { wire in
      while true {
        let head = wire.readHead()
        guard !head.isEmpty else { return }
        let length = head.lowercased().split(separator: "\r\n").first { $0.hasPrefix("content-length: ") }
        _ = length.flatMap { Int($0.dropFirst(16)) }.map { wire.read(exactly: $0) }
        wire.write("HTTP/1.1 200 OK\r\nContent-Length: \(name.utf8.count)\r\n\r\n\(name)")
      }
    }
  }

  @Test("the list is answered from memory once an engine has told of its models, and follows what they tell")
  func answers() async throws {
    let engines = try ["0", "1"].map { try engine($0) }
    let settings = Settings.bare(engines.map(\.target)) { settings in
      settings.routes[0].models = [
        .init(.any, service: 0), .init(.exact("gpt-4o"), service: 0, model: "base"),
      ]
    }
    let statuses = settings.services[0].backends.map(\.status)
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      func get(_ path: String) -> Answer {
        client.write("GET \(path) HTTP/1.1\r\nHost: h\r\n\r\n")
        return client.readAnswer()
      }
      #expect(["0", "1"].contains(get("/v1/models").body))
      statuses[0].engine.models.tell([.init(id: "base", created: 5, owner: "vllm")])
      let gpt = #"{"id":"gpt-4o","object":"model","created":5,"owned_by":"vllm"}"#
      let base = #"{"id":"base","object":"model","created":5,"owned_by":"vllm"}"#
      #expect(get("/v1/models").body == #"{"object":"list","data":[\#(gpt),\#(base)]}"#)
      #expect(get("/v1/models?x=1").status == 200 && get("/openai/v1/models").status == 200)
      #expect(get("/v1/models/gpt-4o").body == gpt)
      let unknown = get("/v1/models/org%2Flora")
      #expect(unknown.status == 404 && unknown.body.contains("model_not_found"))
      statuses[1].engine.models.tell([.init(id: "org/lora")])
      #expect(get("/v1/models/org%2Flora").status == 200 && get("/v1/models/org/lora").status == 200)
      #expect(["0", "1"].contains(get("/v1/modelsx").body) && ["0", "1"].contains(get("/health").body))
    }
    for engine in engines { _ = engine.finish() }
  }

  @Test("a model that engines list goes to those that have it, and one that nobody lists to anybody")
  func adapters() async throws {
    let engines = try ["0", "1", "2"].map { try engine($0) }
    let settings = Settings.bare(engines.map(\.target)) { settings in
      settings.routes[0].models = [
        .init(.any, service: 0), .init(.exact("alias"), service: 0, model: "lora"),
      ]
    }
    let statuses = settings.services[0].backends.map(\.status)
    for status in statuses { status.engine.models.tell([.init(id: "base")]) }
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      func ask(_ model: String) -> Set<String> {
        Set(
          (0..<6).map { _ in
            let body = #"{"model":"\#(model)"}"#
            client.write(
              "POST /v1/completions HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
            return client.readAnswer().body
          })
      }
      #expect(ask("lora") == ["0", "1", "2"])
      statuses[1].engine.models.tell([.init(id: "base"), .init(id: "lora")])
      #expect(ask("lora") == ["1"] && ask("alias") == ["1"] && ask("base") == ["0", "1", "2"])
      statuses[1].engine.models.tell([.init(id: "base")])
      statuses[2].engine.models.tell([.init(id: "lora")])
      #expect(ask("lora") == ["2"] && ask("base") == ["0", "1"])
    }
    for engine in engines { _ = engine.finish() }
  }
}
