import EndToEnd
import JSON
import OS
import TestRun
import Testing

/// Names and traces of requests from the client to the log and a collector that reads by the published schema.
@Suite(.ownThread) struct TraceTests {
  private static let hasProto = PythonClient.has("opentelemetry/proto")

  @Test(
    "a collector gets a request's trace with its first token, the log the same names, and metrics count them",
    .enabled(if: hasProto, "opentelemetry-proto is not installed: skipped"))
  func traced() async throws {
    let place = try Place()
    let (port, collector) = try await PythonClient(place).serve("otlp_collector")
    let server = try await ModelServer(place)
    try server.openGate()
    try place.write(
      "certd.yaml",
      """
      store: store
      listeners: [{address: "127.0.0.1:0", tls: off}]
      trusted_proxies: [127.0.0.0/8]
      forwarded: {request_id: true}
      log: {access: {file: access.log, format: "{request_id} {trace_id} {status} {attempts} {first_byte_us} {protocol}"}}
      traces: {endpoint: "http://127.0.0.1:\(port)/v1/traces", sample: 1, headers: {X-Tenant: lab}}
      routes: [{service: chat}]
      services: {chat: {kind: vllm, health: {enabled: false}, backends: ["\(server.url)"]}}
      """)
    let daemon = try await Certd(place).run(["--config", place("certd.yaml")])
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    let told = try await place.run(
      [
        "curl", "-sS", "-i", "--noproxy", "*", "-H", "X-Request-Id: mine-1", "-H",
        "traceparent: 00-\(trace)-00f067aa0ba902b7-01", "-H", "Content-Type: application/json", "-d",
        #"{"model": "llama-3", "stream": true, "messages": [{"role": "user", "content": "a secret"}]}"#,
        "http://127.0.0.1:\(try daemon.port("http"))/v1/chat/completions?key=hidden",
      ], called: "curl")
    #expect(told.output.contains("X-Request-Id: mine-1"), "\(told)")
    try await eventually("the spans have come: \(collector.output)\(collector.errors)") {
      collector.output.contains("\"attempt\"")
    }
    let spans = try collector.output.split(separator: "\n").dropFirst().map {
      try JSONValue(parsing: Array($0.utf8))
    }.filter { $0["trace"]?.string == trace }
    let request = try #require(spans.first { $0["name"]?.string == "POST chat" })
    let attempt = try #require(spans.first { $0["name"]?.string == "attempt" })
    #expect(request["parent"]?.string == "00f067aa0ba902b7" && request["kind"]?.int == 2)
    #expect(attempt["parent"]?.string == request["span"]?.string && attempt["kind"]?.int == 3)
    #expect(request["service"]?.string == "certd" && request["tenant"]?.string == "lab")
    #expect(request["events"]?.strings == ["first token"], "\(request)")
    let attributes = request["attributes"] ?? .null
    #expect(attributes["http.response.status_code"]?.int == 200)
    #expect((attributes["gen_ai.usage.output_tokens"]?.int ?? 0) > 0)
    #expect(attributes["certd.request_id"]?.string == "mine-1")
    #expect(!collector.output.contains("secret") && !collector.output.contains("hidden"))
    try await eventually("the line is written") { place.read("access.log").contains("\n") }
    #expect(
      place.read("access.log").wholeMatch(of: /mine-1 4bf92f3577b34da6a3ce929d0e0e4736 200 1 \d+ HTTP\/1.1\n/)
        != nil, "\(place.read("access.log"))")
    let metrics = try await place.run(
      ["curl", "-sS", "--unix-socket", place("store/admin.sock"), "http://certd/metrics"], called: "curl")
    #expect(metrics.output.contains(/certd_trace_spans_total\{result="exported"\} [1-9]/))
    collector.signal(9)
    _ = try await daemon.stop()
  }

  @Test("a collector that is not there holds up nobody, and is told of once")
  func absent() async throws {
    let place = try Place()
    try place.write(
      "certd.yaml",
      """
      store: store
      listeners: [{address: "127.0.0.1:0", tls: off}]
      traces: {endpoint: "http://127.0.0.1:1/v1/traces", sample: 1}
      routes: [{service: a}]
      services: {a: {health: {enabled: false}, backends: ["127.0.0.1:1"]}}
      """)
    let daemon = try await Certd(place).run(["--config", place("certd.yaml")])
    for _ in 0..<2 {
      let told = try await place.run(
        ["curl", "-sS", "-i", "--noproxy", "*", "http://127.0.0.1:\(try daemon.port("http"))/"],
        called: "curl")
      #expect(told.output.contains("503") || told.output.contains("502"))
      try await daemon.logged("traces could not be sent")
    }
    #expect(daemon.lines("traces could not be sent").count == 1)
    _ = try await daemon.stop()
  }

  @Test(
    "a certificate that is obtained leaves a trace",
    .enabled(if: hasProto, "opentelemetry-proto is not installed: skipped"))
  func renewal() async throws {
    let place = try Place()
    let (port, collector) = try await PythonClient(place).serve("otlp_collector")
    try place.write(
      "certd.yaml",
      """
      store: store
      acme: {issuers: [local]}
      certificates: [{name: site, names: [localhost]}]
      listeners: [{address: "127.0.0.1:0"}]
      traces: {endpoint: "http://127.0.0.1:\(port)/v1/traces"}
      routes: [{service: a}]
      services: {a: {health: {enabled: false}, backends: ["127.0.0.1:1"]}}
      """)
    let daemon = try await Certd(place).run(["--config", place("certd.yaml")])
    try await eventually("the span has come: \(collector.output)\(collector.errors)") {
      collector.output.contains("\"renewal\"") && collector.output.contains("obtained site")
    }
    collector.signal(9)
    _ = try await daemon.stop()
  }
}
