import JSON
import Telemetry

// The charts.
extension StatusPage {
  /// How far the large figures look back, in seconds.
  private static let recentSeconds = 10

  var figures: String {
    let recent = traffic.last(Self.recentSeconds)
    let all = traffic.last(TrafficRing.maximumSeconds)
    func rate(_ value: UInt64) -> Double { recent.seconds > 0 ? Double(value) / recent.seconds : 0 }
    let failures = all.figures.failures
    let tiles = [
      tile(
        "Requests", rate(recent.figures.requests), "/s", Markup.number,
        failures == 0
          ? "no answer of 500 or more" : "\(Markup.number(Double(failures))) answers of 500 or more",
        traffic.series { Double($0.requests) / $1 }),
      tile(
        "Duration", recent.figures.durations.mean, "", Markup.duration, tail(all.figures.durations),
        traffic.series { step, _ in step.durations.mean }),
      tile(
        "First token", recent.figures.firstTokens.mean, "", Markup.duration, tail(all.figures.firstTokens),
        traffic.series { step, _ in step.firstTokens.mean }),
      tile(
        "Tokens", rate(recent.figures.tokens), "/s", Markup.number,
        "\(Markup.number(Double(all.figures.tokens))) in streams",
        traffic.series { Double($0.tokens) / $1 }),
    ]
    return "<div class=\"tiles\">\(tiles.joined())</div>"
  }

  private func tail(_ spread: TrafficFigures.Spread) -> String {
    guard let high = spread.quantile(0.95) else { return "nothing measured" }
    return "95 % within \(Markup.duration(high))"
  }

  private func tile(
    _ title: String, _ value: Double?, _ unit: String, _ format: (Double) -> String, _ note: String,
    _ series: [Double?]
  ) -> String {
    let most = series.compactMap(\.self).max()
    let now = value.map { "\(format($0))\(unit)" } ?? "–"
    let label =
      "\(title) over the last \(Int(traffic.seconds.rounded())) seconds: now \(now), "
      + "at most \(most.map { format($0) + unit } ?? "nothing")"
    return """
      <div class="card tile"><h3>\(title)</h3><p class="value">\(now)</p>\
      \(Sparkline(values: series, label: label).svg)\
      <p class="note"><span>\(note)</span><span>most \(most.map { format($0) + unit } ?? "–")</span></p></div>
      """
  }
}
