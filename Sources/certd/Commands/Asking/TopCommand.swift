import ArgumentParser
import JSON
import OS

struct TopCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "top", abstract: "Show what the running certd has to do, by backend, model and key.",
    discussion: """
      Example: certd top
      Example: certd top --once --interval 5

      Rates are differences of the daemon's counters between two looks; so is the median time to the first token.
      """)

  @OptionGroup var options: AdminOptions
  @Flag(help: "Show one frame and end.") var once = false
  @Option(help: "From one look to the next, in seconds, 1 to 3600.") var interval = 2

  func validate() throws {
    guard (1...3600).contains(interval) else { throw ValidationError("--interval is 1 to 3600 seconds") }
  }

  func run() async throws {
    do throws(SetupError) {
      let client = try AdminClient(options)
      var before = try await look(client)
      while true {
        do { try await World.sleep(seconds: Double(interval)) } catch { return }
        let now = try await look(client)
        let lines = TopFrame(before, now).lines
        if !once, Sys.isTerminal(1) { Screen.show(lines) } else { lines.forEach(Output.line) }
        if once { return }
        before = now
      }
    } catch { throw Failure.exit(error) }
  }

  private func look(_ client: AdminClient) async throws(SetupError) -> (at: UInt64, metrics: MetricsReading) {
    let (status, bytes) = try await client.send("GET", "/metrics")
    guard status == 200 else { throw .other("GET /metrics is answered with \(status)") }
    return (Clock.monotonicNanoseconds(), MetricsReading(String(decoding: bytes, as: UTF8.self)))
  }
}

/// What came between two looks.
struct TopFrame {
  private let before: MetricsReading
  private let now: MetricsReading
  private let seconds: Double

  /// The most rows of one table.
  static let maximumRows = 40
  private static let labels = ["service", "server_address", "gen_ai_request_model"]

  init(_ before: (at: UInt64, metrics: MetricsReading), _ now: (at: UInt64, metrics: MetricsReading)) {
    (self.before, self.now) = (before.metrics, now.metrics)
    seconds = max(0.001, Double(now.at &- before.at) / 1e9)
  }

  /// Everything, line by line.
  var lines: [String] {
    let requests = total("certd_requests_total")
    let errors = rates("certd_responses_total", by: [], where: ("class", "5xx")).values.reduce(0, +)
    let waiting = now.sums("certd_queue_requests", by: []).values.reduce(0, +)
    var lines = [
      "\(Self.text(requests)) requests/s, \(Self.text(errors)) 5xx/s, "
        + "\(Self.text(now.sums("certd_connections", by: []).values.reduce(0, +))) connections, "
        + "\(Self.text(waiting)) wait"
    ]
    lines += Output.aligned(models)
    let backends = now.sums("certd_backend_requests", by: ["service", "backend"])
    lines += Output.aligned(
      [["SERVICE", "BACKEND", "REQUESTS"]]
        + backends.sorted { $0.key.lexicographicallyPrecedes($1.key) }.prefix(Self.maximumRows).map {
          $0.key + [Self.text($0.value)]
        })
    let keys = now.sums("certd_key_used", by: ["group", "key", "limit"])
    if !keys.isEmpty {
      let limits = now.sums("certd_key_limit", by: ["group", "key", "limit"])
      let sorted = keys.sorted { $0.value > $1.value }.prefix(Self.maximumRows)
      lines += Output.aligned(
        [["GROUP", "KEY", "LIMIT", "USED", "OF"]]
          + sorted.map { $0.key + [Self.text($0.value), limits[$0.key].map(Self.text) ?? "-"] })
    }
    return lines
  }

  /// By service, backend and model.
  private var models: [[String]] {
    let requests = rates("gen_ai_server_request_duration_seconds_count", by: Self.labels)
    let tokens = rates(
      "gen_ai_client_token_usage_sum", by: Self.labels, where: ("gen_ai_token_type", "output"))
    let input = rates("gen_ai_client_token_usage_sum", by: Self.labels, where: ("gen_ai_token_type", "input"))
    let first = now.buckets("gen_ai_server_time_to_first_token_seconds", by: Self.labels)
    let old = before.buckets("gen_ai_server_time_to_first_token_seconds", by: Self.labels)
    guard !requests.isEmpty else { return [] }
    let sorted = requests.sorted {
      $0.value == $1.value ? $0.key.lexicographicallyPrecedes($1.key) : $0.value > $1.value
    }
    return [["SERVICE", "BACKEND", "MODEL", "REQUESTS/S", "FIRST TOKEN P50", "TOKENS IN/S", "TOKENS OUT/S"]]
      + sorted.prefix(Self.maximumRows).map { key, rate in
        let median = MetricsReading.median(old[key] ?? [:], first[key] ?? [:])
        return key + [
          Self.text(rate), median.map { "\(Self.text($0 * 1000)) ms" } ?? "-", Self.text(input[key] ?? 0),
          Self.text(tokens[key] ?? 0),
        ]
      }
  }

  private func total(_ name: String) -> Double { rates(name, by: []).values.reduce(0, +) }

  private func rates(
    _ name: String, by labels: [String], where wanted: (String, String)? = nil
  ) -> [[String]: Double] {
    let old = before.sums(name, by: labels, where: wanted)
    return now.sums(name, by: labels, where: wanted).reduce(into: [:]) { rates, one in
      rates[one.key] = max(0, one.value - (old[one.key] ?? 0)) / seconds
    }
  }

  /// Whole numbers from ten on, one digit behind the point below.
  static func text(_ value: Double) -> String {
    let tenths = Int64(min(max(value, 0), 1e15) * 10 + 0.5)
    return value >= 10 || tenths % 10 == 0
      ? "\((tenths + (value >= 10 ? 5 : 0)) / 10)" : "\(tenths / 10).\(tenths % 10)"
  }
}
