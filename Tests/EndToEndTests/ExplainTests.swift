import EndToEnd
import TestRun
import TestSupport
import Testing

/// What a running certd says of requests that nobody has sent.
@Suite("Where a request would go", .ownThread) struct ExplainTests {
  private struct Scene {
    let place: Place
    let certd: Certd
    let daemon: Certd.Daemon
    let model: ModelServer
    let curl: Curl

    init(_ more: String, routes: String = "") async throws {
      place = try Place()
      certd = try Certd(place)
      let authority = try TestCertificates(place, "files")
      _ = try authority.issue(["localhost"], called: "site")
      model = try await ModelServer(place)
      try model.openGate()
      try place.write(
        "certd.yaml",
        """
        store: store
        listeners: [{address: "127.0.0.1:0"}]
        certificates: [{cert: site.crt, key: site.key}]
        routes:
          - hosts: [localhost]
            service: chat
        \(routes)
        services:
          chat:
            kind: vllm
            backends: ["\(model.url)", "127.0.0.1:1"]
            health: {enabled: false}
        \(more)
        """)
      daemon = try await certd.run(["--config", place("certd.yaml")])
      curl = try Curl(place, host: "localhost", port: daemon.httpsPort(), root: authority.rootPath)
    }

    func explain(_ arguments: String...) async throws -> Place.Finished {
      try await certd("explain", "--config", place("certd.yaml"), with: arguments)
    }

    func metrics() async throws -> String {
      try await place.run(
        ["curl", "-sS", "--unix-socket", place("store/admin.sock"), "http://certd/metrics"], called: "curl"
      ).output
    }
  }

  @Test("the engine that has read a prompt is said to know it and chosen, and asking changes nothing")
  func prompt() async throws {
    let scene = try await Scene("    max_requests_per_backend: 4\n    retries: {attempts: 1}")
    let prompt = String(repeating: "All happy families are alike; ", count: 400)
    let body = #"{"model":"demo","messages":[{"role":"user","content":"\#(prompt)"}],"max_tokens":2}"#
    let file = try scene.place.write("prompt", prompt)
    let before = try await scene.explain("--model", "demo", "--prompt-file", file, "-o", "json")
    #expect(before.ending == .exited(0), "\(before)")
    #expect(!before.output.contains("happy") && !scene.daemon.log.contains("happy"))
    #expect(before.output.contains(#""known_tokens": 0"#) && !before.output.contains(#""known_tokens": 29"#))
    let again = try await scene.explain("--model", "demo", "--prompt-file", file, "-o", "json")
    #expect(again.output == before.output)
    let answer = try await scene.curl("/v1/chat/completions", ["-d", body]).output
    #expect(answer.contains("chat.completion"), "\(answer)")
    let after = try await scene.explain("--model", "demo", "--prompt-file", file, "-o", "json")
    #expect(after.output.contains(#""known_tokens": 29"#), "\(after)\n\(scene.daemon.log)")
    #expect(after.output.contains("the shortest expected wait") || after.output.contains("the only one"))
    let table = try await scene.explain("--model", "demo", "--prompt-file", file)
    #expect(table.output.contains("route 1: localhost, every path"), "\(table)")
    #expect(table.output.contains("service chat (vllm), policy model-aware"))
    #expect(table.output.contains("at most 4 requests a backend; 0 of 512 wait"))
    #expect(table.output.contains("  *") && !table.output.contains("happy"))
    #expect(try await scene.metrics().contains("certd_requests_total 1\n"))
    _ = try await scene.daemon.stop()
  }

  @Test("a model's line, its name at the engine and who stands in are told, and an unknown model is refused")
  func models() async throws {
    let scene = try await Scene(
      "  other: {backends: [\"127.0.0.1:2\"], health: {enabled: false}}",
      routes: """
            models:
              "llama-*": {service: chat, model: demo, fallback: [{service: other, model: small}]}
        """)
    let told = try await scene.explain("--model", "llama-3")
    #expect(
      told.output.contains("model llama-3, line 'llama-*' of its models, told by the request's content"),
      "\(told)")
    #expect(told.output.contains("where that has no answer: service other"))
    #expect(told.output.contains("as model 'demo'") && told.output.contains("as model 'small'"))
    #expect(told.output.contains("the only backend"))
    let unknown = try await scene.explain("--model", "gpt-9")
    #expect(
      unknown.ending == .exited(0) && unknown.output.contains("answered 404 (model_not_found)"), "\(unknown)")
    _ = try await scene.daemon.stop()
  }

  @Test("a plain request is explained by its URL, and one that no route takes too")
  func plain() async throws {
    let scene = try await Scene("")
    let told = try await scene.explain(
      "GET", "https://localhost/docs?a=1", "-H", "X-Session-Id: 7", "-o", "yaml")
    #expect(told.ending == .exited(0) && told.output.contains("choice: \"127.0.0.1:"), "\(told)")
    let table = try await scene.explain("GET", "https://localhost/docs")
    #expect(table.output.contains("route 1: localhost, every path\n  line 5\n"), "\(table)")
    let none = try await scene.explain("GET", "https://elsewhere.example.com/")
    #expect(none.output.contains("answered 421") || none.output.contains("answered 404"), "\(none)")
    _ = try await scene.daemon.stop()
  }

  @Test("the narrowest route is told, with its line and what it goes by")
  func match() async throws {
    let scene = try await Scene(
      "  other: {backends: [\"127.0.0.1:2\"], health: {enabled: false}}",
      routes: "  - {hosts: [localhost], service: other, match: {headers: {X-Env: canary}}}")
    let told = try await scene.explain("GET", "https://localhost/docs", "-H", "X-Env: canary")
    #expect(told.output.contains("route 2: localhost, every path"), "\(told)")
    #expect(told.output.contains("  line 7; where header X-Env is 'canary'\nservice other"), "\(told)")
    _ = try await scene.daemon.stop()
  }

  @Test("what stands out about a backend shows, and one that is drained gets nothing until it is not")
  func drained() async throws {
    let scene = try await Scene("")
    let config = ["--config", scene.place("certd.yaml")]
    let taken = try await scene.certd("backend", with: ["drain", "chat", "127.0.0.1:1"] + config)
    #expect(taken.ending == .exited(0) && taken.output.contains("an operator has taken it out"), "\(taken)")
    let told = try await scene.explain("--model", "demo")
    #expect(
      told.output.contains("the only one that may get it") && told.output.contains("drained"), "\(told)")
    let back = try await scene.certd("backend", with: ["undrain", "chat", "127.0.0.1:1"] + config)
    #expect(!back.output.contains("drained"), "\(back)")
    let weight = try await scene.certd("backend", with: ["weight", "chat", "127.0.0.1:1", "7"] + config)
    #expect(weight.output.contains("  7  "), "\(weight)")
    let wrong = try await scene.certd("backend", with: ["drain", "chat", "nobody:1"] + config)
    #expect(
      wrong.ending == .exited(1) && wrong.errors.contains("chat has no backend nobody:1; known: "), "\(wrong)"
    )
    _ = try await scene.daemon.stop()
  }

  @Test("without a daemon the error says what was looked for, where, and what to do")
  func nobody() async throws {
    let place = try Place()
    let told = try await Certd(place)("explain", "--model", "a", "--store", place("store"))
    #expect(told.ending == .exited(1))
    #expect(
      told.errors.contains(
        "no running certd answers at \(place("store"))/admin.sock (--store): there is no such socket")
        && told.errors.contains("certd run"), "\(told)")
  }
}
