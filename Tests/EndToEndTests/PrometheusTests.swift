import EndToEnd
import JSON
import OS
import TestRun
import Testing

/// What is made for Prometheus and Grafana, and a real Prometheus.
@Suite(.ownThread) struct PrometheusTests {
  private static let folder = "\(Place.package)/packaging"
  private static let promtool = (try? FileSystem().status("/usr/bin/promtool")) != nil
  private static let prometheus = (try? FileSystem().status("/usr/bin/prometheus")) != nil

  /// What is asked for in a file: the expressions of rules, or of a dashboard's panels.
  static let rules = text("prometheus/certd.rules.yaml")
  static let dashboard = text("grafana/certd.json")

  private static func text(_ name: String) -> String {
    let bytes = (try? FileSystem().read("\(folder)/\(name)", limitInBytes: 1 << 20)) ?? []
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Every name of a metric, without what histograms add.
  private static func metrics(_ text: String) -> Set<String> {
    Set(
      text.matches(of: /\b(certd_[a-z0-9_]+|gen_ai_(?:server|client)_[a-z0-9_]+|process_[a-z_]+)\b/).map {
        String($0.1).replacing(/(_seconds|_usage)_(bucket|sum|count)$/) { $0.1 }
      })
  }

  @Test("alerts and the dashboard ask for metrics that certd has", arguments: [rules, dashboard])
  func names(_ text: String) async throws {
    let found = try await Place().run(
      ["grep", "-rhoE", "\"(certd|gen_ai|process)_[a-z0-9_]+\"", "\(Place.package)/Sources"], called: "grep")
    let known = Set(found.output.split(separator: "\n").map { String($0.dropFirst().dropLast()) })
    let asked = Self.metrics(text)
    #expect(asked.count >= 14 && known.count > 60)
    #expect(asked.subtracting(known).isEmpty, "\(asked.subtracting(known))")
  }

  @Test("the dashboard's panels each have their place, a title and something to ask")
  func panels() throws {
    let panels = try JSONValue(parsing: Array(Self.dashboard.utf8))["panels"]?.elements ?? []
    #expect(panels.count > 20)
    #expect(Set(panels.compactMap { $0["id"]?.int }).count == panels.count)
    for panel in panels where panel["type"]?.string != "row" {
      #expect(panel["title"]?.string?.isEmpty == false)
      #expect(
        panel["targets"]?.elements.allSatisfy { $0["expr"]?.string?.contains("$instance") == true } == true)
    }
  }

  @Test(
    "alerts fire when they should and not before",
    .enabled(if: promtool, "promtool is not installed: skipped"))
  func alerts() async throws {
    let told = try await Place().run(
      ["promtool", "test", "rules", "\(Self.folder)/prometheus/certd.rules.test.yaml"], called: "promtool")
    #expect(told.ending == .exited(0), "\(told)")
  }

  @Test(
    "a real Prometheus reads certd by a token, with the alerts loaded",
    .enabled(if: prometheus, "prometheus is not installed: skipped"))
  func scraped() async throws {
    let place = try Place()
    try place.write("token", "read-token-0123456789\n")
    try place.write(
      "certd.yaml",
      """
      store: store
      listeners: [{address: "127.0.0.1:0", tls: off}]
      admin: {address: "127.0.0.1:0", token_file: token}
      routes: [{service: a}]
      services:
        a: {backends: ["127.0.0.1:1"], health: {enabled: false}}
      """)
    let daemon = try await Certd(place).run(["--config", place("certd.yaml")])
    try await daemon.logged("admin", times: 2)
    let line = daemon.lines("admin").last { $0.contains(#""listening":"127.0.0.1:"#) } ?? ""
    let port = line.split(separator: "127.0.0.1:").last?.prefix { $0.isNumber } ?? "0"
    try place.write("token.one", "read-token-0123456789")
    try place.write(
      "prometheus.yml",
      """
      global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
      rule_files: ["\(Self.folder)/prometheus/certd.rules.yaml"]
      scrape_configs:
        - job_name: certd
          static_configs: [{targets: ["127.0.0.1:\(port)"]}]
          authorization: {credentials_file: "\(place("token.one"))"}
      """)
    let own = try FreePort.take()
    let server = try await place.start(
      [
        "prometheus", "--config.file=\(place("prometheus.yml"))", "--storage.tsdb.path=\(place("data"))",
        "--web.listen-address=127.0.0.1:\(own)",
      ], called: "prometheus")
    func ask(_ query: String) async throws -> String {
      try await place.run(
        [
          "curl", "-s", "--noproxy", "*", "-G", "http://127.0.0.1:\(own)/api/v1/query", "--data-urlencode",
          "query=\(query)",
        ], called: "curl"
      ).output
    }
    try await eventually("it has read certd: \(server.errors)") {
      try await ask("certd_build_info and on (instance) up{job=\"certd\"} == 1").contains("\"version\"")
    }
    #expect(try await ask("certd_backend_resolved{service=\"a\"}").contains("127.0.0.1:1"))
    server.signal(9)
    _ = try await daemon.stop()
  }
}
