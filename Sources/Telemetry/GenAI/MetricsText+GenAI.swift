extension MetricsText {
  /// Writes what workers have measured of model traffic. Durations are in seconds.
  public mutating func genAI(_ tables: [GenAITable]) {
    let grouped = Dictionary(grouping: tables.flatMap(\.series), by: \.labels)
    let groups = grouped.sorted { Self.order($0.key) < Self.order($1.key) }.map { ($0.key, $0.value) }
    guard !groups.isEmpty else { return }
    typealias Bounds = GenAISeries.Bounds
    histogram(
      "gen_ai_server_time_to_first_token_seconds",
      "From a request's head to the first content of its stream.", groups, \.timeToFirstToken,
      Bounds.firstToken)
    histogram(
      "gen_ai_server_time_per_output_token_seconds",
      "For each token behind the first one, as a stream's mean.", groups, \.timePerOutputToken,
      Bounds.outputToken)
    histogram(
      "certd_inter_token_latency_seconds", "Between two pieces of content of a stream.", groups,
      \.interToken, Bounds.outputToken)
    histogram(
      "gen_ai_server_request_duration_seconds", "From a request's head to the end of its answer.", groups,
      \.duration, Bounds.duration)
    tokens(groups)
    sums(groups)
  }

  private typealias Groups = [(GenAISeries.Labels, [GenAISeries])]

  private static func order(_ labels: GenAISeries.Labels) -> String {
    [labels.service, labels.model, labels.backend, labels.operation].joined(separator: "\u{0}")
  }

  private static func text(_ labels: GenAISeries.Labels) -> String {
    "service=\"\(escaped(labels.service))\",server_address=\"\(escaped(labels.backend))\","
      + "gen_ai_request_model=\"\(escaped(labels.model))\","
      + "gen_ai_operation_name=\"\(escaped(labels.operation))\""
  }

  private mutating func histogram(
    _ name: String, _ help: String, _ groups: Groups, _ path: KeyPath<GenAISeries, BoundedHistogram>,
    _ bounds: [UInt64]
  ) {
    var lines = "# HELP \(name) \(help)\n# TYPE \(name) histogram\n"
    for (labels, series) in groups {
      lines += Self.lines(name, Self.text(labels), series, path, bounds.map { Exposition.seconds($0) }) {
        Exposition.seconds($0)
      }
    }
    append(lines)
  }

  private mutating func tokens(_ groups: Groups) {
    let name = "gen_ai_client_token_usage"
    var lines = "# HELP \(name) Tokens of prompts (input) and answers (output), by request.\n"
    lines += "# TYPE \(name) histogram\n"
    let bounds = GenAISeries.Bounds.tokens.map { "\($0)" }
    for (labels, series) in groups {
      let text = Self.text(labels)
      lines += Self.lines(name, "\(text),gen_ai_token_type=\"input\"", series, \.inputTokens, bounds) {
        "\($0)"
      }
      lines += Self.lines(name, "\(text),gen_ai_token_type=\"output\"", series, \.outputTokens, bounds) {
        "\($0)"
      }
    }
    append(lines)
  }

  private static func lines(
    _ name: String, _ labels: String, _ series: [GenAISeries],
    _ path: KeyPath<GenAISeries, BoundedHistogram>, _ bounds: [String], _ sum: (UInt64) -> String
  ) -> String {
    let total = BoundedHistogram.total(series.map { $0[keyPath: path] })
    guard let count = total.counts.last, count > 0 else { return "" }
    var out = ""
    for (bound, below) in zip(bounds + ["+Inf"], total.counts) {
      out += "\(name)_bucket{\(labels),le=\"\(bound)\"} \(below)\n"
    }
    return out + "\(name)_sum{\(labels)} \(sum(total.sum))\n\(name)_count{\(labels)} \(count)\n"
  }

  private mutating func sums(_ groups: Groups) {
    func samples(_ value: (GenAISeries) -> UInt64) -> [Sample] {
      groups.map { labels, series in
        Sample(
          [
            "service": labels.service, "server_address": labels.backend,
            "gen_ai_request_model": labels.model, "gen_ai_operation_name": labels.operation,
          ], Double(series.reduce(0) { $0 &+ value($1) }))
      }
    }
    family(
      "certd_prompt_tokens_predicted_cached_total", .counter,
      "Prompt tokens that the chosen backend was thought to have in its cache.", samples(\.predictedTokens))
    family(
      "certd_prompt_tokens_cached_total", .counter, "Prompt tokens that came from a cache, as engines told.",
      samples(\.cachedTokens))
    family(
      "certd_prompt_tokens_misestimated_total", .counter,
      "By how many tokens estimates of prompts were wrong, either way.", samples(\.missedTokens))
  }
}
