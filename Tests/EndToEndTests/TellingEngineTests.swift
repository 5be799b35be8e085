import EndToEnd
import TestRun
import TestSupport
import Testing

/// Engines that tell of themselves, behind the program itself.
struct TellingEngines {
  /// One of them, as a process of Python.
  struct Engine {
    let name: String
    let ports: [String]
    let child: Child
    private let place: Place

    init(_ place: Place, _ name: String, _ more: [String] = []) async throws {
      self.place = place
      self.name = name
      let started = try await PythonClient(place).serve(
        "telling_engine", [name, place("commands-\(name)")] + more)
      child = started.child
      ports = started.child.output.split(whereSeparator: \.isWhitespace).dropFirst().map(String.init)
    }

    /// Has it do what these lines say, all lines so far included.
    func tell(_ lines: [String]) throws {
      try place.write("commands-\(name)", lines.map { $0 + "\n" }.joined())
    }
  }

  let place: Place
  let daemon: Certd.Daemon
  let curl: Curl

  init(_ place: Place, services: String) async throws {
    self.place = place
    let authority = try TestCertificates(place, "files")
    _ = try authority.issue(["localhost"], called: "site")
    try place.write(
      "certd.yaml",
      """
      store: store
      listeners: [{address: "127.0.0.1:0"}]
      certificates: [{cert: site.crt, key: site.key}]
      routes: [{service: chat}]
      services:
        chat:
      \(services)
      """)
    daemon = try await Certd(place).run(["--config", place("certd.yaml")])
    curl = try Curl(place, host: "localhost", port: daemon.httpsPort(), root: authority.rootPath)
  }

  func metrics() async throws -> String {
    try await place.run(
      [
        "curl", "-sS", "--max-time", "30", "--unix-socket", place("store/admin.sock"), "http://certd/metrics",
      ],
      called: "curl"
    ).output
  }

  /// Which engine has answered a prompt.
  func ask(_ prompt: String) async throws -> String {
    let body = #"{"model": "m", "max_tokens": 1, "prompt": "\#(prompt)"}"#
    let answer = try await curl(
      "/v1/completions", ["-H", "Content-Type: application/json", "-d", body]
    ).output
    let text = answer.split(separator: #""text": ""#).dropFirst().first ?? ""
    return String(text.prefix { $0 != "\"" })
  }
}

@Suite("Engines that tell of themselves", .ownThread) struct TellingEngineTests {
  @Test("what Triton tells at the port of its metrics stands in ours")
  func metricsPort() async throws {
    let place = try Place()
    let engine = try await TellingEngines.Engine(place, "one")
    let told =
      #"nv_trt_llm_request_metrics{request_type=\"scheduled\"} 5\nnv_trt_llm_request_metrics{request_type=\"waiting\"} 2\n"#
      + #"nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"tokens_per\"} 64\n"#
      + #"nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"max\"} 1000\n"#
      + #"nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"used\"} 250\n"#
    try engine.tell(["metrics \"\(told)\""])
    let scene = try await TellingEngines(
      place,
      services: """
            kind: triton
            backends: ["127.0.0.1:\(engine.ports[0])"]
            health: {path: /health, interval: 100ms, timeout: 100ms}
            metrics: {port: \(engine.ports[1])}
        """)
    let labels =
      #"service="chat",backend="127.0.0.1:\#(engine.ports[0])",address="127.0.0.1:\#(engine.ports[0])""#
    try await eventually("what it tells") {
      let text = try await scene.metrics()
      return text.contains("certd_engine_requests{\(labels),state=\"running\"} 5")
        && text.contains("certd_engine_requests{\(labels),state=\"waiting\"} 2")
        && text.contains("certd_engine_cache_tokens{\(labels)} 64000")
        && text.contains("certd_engine_cache_usage_ratio{\(labels)} 0.25")
        && !text.contains("certd_engine_cached_tokens_total{")
    }
    _ = try await scene.daemon.stop()
  }

  @Test(
    "a prompt goes on where its beginning is cached until the engine says that it is not any more",
    .enabled(if: PythonClient.has("zmq"), "pyzmq is not installed (scripts/python-clients): skipped"))
  func removed() async throws {
    let place = try Place()
    let engines = [
      try await TellingEngines.Engine(place, "one", ["events"]),
      try await TellingEngines.Engine(place, "two", ["events"]),
    ]
    let scene = try await TellingEngines(
      place,
      services: """
            kind: vllm
            health: {enabled: false}
            kv_events: {topic: kv}
            backends:
              - {address: "127.0.0.1:\(engines[0].ports[0])", kv_events: "tcp://127.0.0.1:\(engines[0].ports[2])"}
              - {address: "127.0.0.1:\(engines[1].ports[0])", kv_events: "tcp://localhost:\(engines[1].ports[2])"}
        """)
    func count(_ name: String, _ engine: TellingEngines.Engine) async throws -> Int {
      let line = try await scene.metrics().split(separator: "\n").first {
        $0.hasPrefix("certd_engine_cache_\(name){") && $0.contains(":\(engine.ports[0])\"")
      }
      return line.flatMap { Int($0.drop { $0 != " " }.dropFirst()) } ?? 0
    }
    for engine in engines {
      try await eventually("a connection") { try await count("events_connected", engine) == 1 }
    }
    let long = String(repeating: "a long beginning of a prompt. ", count: 200)
    let first = try await scene.ask(long + "first")
    let (holder, other) = first == "one" ? (engines[0], engines[1]) : (engines[1], engines[0])
    try await eventually("its blocks") { try await count("followed_blocks", holder) > 50 }
    // What the other one has read makes it the less likely choice where nothing is cached.
    for number in 0..<3 { #expect(try await scene.ask(long + "again \(number)") == first) }
    let heard = try await count("events_total", holder)
    try holder.tell(["remove"])
    try await eventually("the removal") { try await count("events_total", holder) >= heard + 4 }
    #expect(try await scene.ask(long + "once more") == other.name)
    try holder.tell(["remove", "skip", "clear"])
    try await eventually("a gap") { try await count("event_gaps_total", holder) == 1 }
    _ = try await scene.daemon.stop()
  }
}
