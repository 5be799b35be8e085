import APIKeys
import Telemetry

// What keys have used, for Prometheus.
extension Daemon {
  private typealias Sample = MetricsText.Sample

  /// The most keys with limits that have samples of their own; the others are summed as `_other`.
  static let maximumMetricKeys = 200

  /// Keys' use of their limits. Those that have used most of their own come first.
  func keyUse(_ out: inout MetricsText) {
    let now = Self.wallMilliseconds
    var used: [(group: String, key: String, limit: String, used: Int, of: Int)] = []
    for (key, _) in keys.records() where key.revoked == nil {
      let limits = key.limits
      guard limits != KeyLimits() else { continue }
      let standing = keys.usages.usage(.init(group: key.group, id: key.id)).standing(limits, now: now)
      func usedOf(_ most: Int?, left: Int) -> Int { (most ?? 0) - left }
      for (name, most, count) in [
        (
          "requests_per_minute", limits.requestsPerMinute,
          usedOf(limits.requestsPerMinute, left: standing.requests)
        ),
        ("tokens_per_minute", limits.tokensPerMinute, usedOf(limits.tokensPerMinute, left: standing.tokens)),
        ("tokens_per_day", limits.tokensPerDay, standing.dayTokens),
        ("tokens_per_month", limits.tokensPerMonth, standing.monthTokens),
        ("concurrent", limits.concurrent, standing.concurrent),
      ] {
        if let most { used.append((key.group, key.id, name, count, most)) }
      }
    }
    let sorted = used.sorted { ($0.used, $1.group, $1.key, $1.limit) > ($1.used, $0.group, $0.key, $0.limit) }
    let own = sorted.prefix(Self.maximumMetricKeys)
    var others: [String: (used: Int, of: Int)] = [:]
    for one in sorted.dropFirst(Self.maximumMetricKeys) {
      let sum = others[one.limit] ?? (0, 0)
      others[one.limit] = (sum.used + one.used, sum.of + one.of)
    }
    let all = own + others.map { ("", "_other", $0.key, $0.value.used, $0.value.of) }
    func samples(_ value: ((group: String, key: String, limit: String, used: Int, of: Int)) -> Int)
      -> [Sample]
    {
      all.map { Sample(["group": $0.group, "key": $0.key, "limit": $0.limit], Double(value($0))) }
    }
    out.family(
      "certd_key_used", .gauge, "What a key has used of a limit in its time.", samples(\.used))
    out.family("certd_key_limit", .gauge, "The limit of a key.", samples(\.of))
  }
}
