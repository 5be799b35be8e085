import EndToEnd
import TestRun
import TestSupport
import Testing

/// Requests that wait for an engine, with curl and a real stream.
@Suite("Waiting for an engine", .ownThread) struct QueueTests {
  @Test("a stream waits for the one before it, a third is told to come again, and metrics say so")
  func waits() async throws {
    let place = try Place()
    let certd = try Certd(place)
    let authority = try TestCertificates(place, "files")
    _ = try authority.issue(["localhost"], called: "site")
    let model = try await ModelServer(place)
    try place.write(
      "certd.yaml",
      """
      store: store
      listeners: [{address: "127.0.0.1:0"}]
      certificates: [{cert: site.crt, key: site.key}]
      routes: [{service: chat}]
      services:
        chat:
          kind: vllm
          backends: ["\(model.url)"]
          health: {enabled: false}
          max_requests_per_backend: 1
          queue: {size: 1, timeout: 60s}
      """)
    let daemon = try await certd.run(["--config", place("certd.yaml")])
    let curl = try Curl(place, host: "localhost", port: daemon.httpsPort(), root: authority.rootPath)
    func metrics() async throws -> String {
      try await place.run(
        [
          "curl", "-sS", "--max-time", "30", "--unix-socket", place("store/admin.sock"),
          "http://certd/metrics",
        ], called: "curl"
      ).output
    }
    let first = try await curl.stream(tokens: 20, delay: 0.01)
    try await eventually("the first stream: \(first.errors)") { first.output.events > 0 }
    let second = try await curl.stream(tokens: 5, delay: 0.01)
    try await eventually("the second one to wait: \(second.errors)") {
      try await metrics().contains(#"certd_queue_requests{service="chat"} 1"#)
    }
    let third = try await curl("/v1/chat/completions", ["-d", "{}", "-i"]).output
    #expect(third.contains("429") && third.lowercased().contains("retry-after: 60"), "\(third)")
    #expect(third.contains(#""code":"queue_full""#), "\(third)")
    #expect(second.output.isEmpty)
    try model.openGate()
    try await eventually("both streams: \(second.output)") {
      first.output.isWholeStream && second.output.isWholeStream
    }
    let told = try await metrics()
    #expect(told.contains(#"certd_queue_requests{service="chat"} 0"#))
    #expect(told.contains(#"certd_queued_requests_total{service="chat"} 1"#))
    #expect(told.contains(#"certd_queue_refused_requests_total{service="chat",reason="queue_full"} 1"#))
    #expect(told.contains(#"certd_queue_seconds_count{service="chat"} 1"#))
    _ = try await daemon.stop()
  }
}
