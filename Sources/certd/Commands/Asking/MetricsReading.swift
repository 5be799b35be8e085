/// Metrics in Prometheus' text format, as far as our own are written.
struct MetricsReading {
  private(set) var series: [String: [(labels: [String: String], value: Double)]] = [:]

  init(_ text: String) {
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      guard let space = line.lastIndex(of: " "), let value = Double(line[line.index(after: space)...]) else {
        continue
      }
      let head = line[..<space]
      let name = head.prefix { $0 != "{" }
      series[String(name), default: []].append((Self.labels(head.dropFirst(name.count)), value))
    }
  }

  /// `{a="b",c="d"}`; escapes are taken away.
  private static func labels(_ text: Substring) -> [String: String] {
    var labels: [String: String] = [:]
    var rest = text.dropFirst()
    while let equals = rest.firstIndex(of: "=") {
      let name = rest[..<equals].drop { $0 == "," }
      rest = rest[rest.index(after: equals)...].dropFirst()
      var value = ""
      while let next = rest.popFirst(), next != "\"" {
        guard next == "\\", let escaped = rest.popFirst() else {
          value.append(next)
          continue
        }
        value.append(escaped == "n" ? "\n" : escaped)
      }
      labels[String(name)] = value
    }
    return labels
  }

  /// The sum of what a name has, by some of its labels.
  func sums(_ name: String, by names: [String], where wanted: (String, String)? = nil) -> [[String]: Double] {
    var sums: [[String]: Double] = [:]
    for one in series[name] ?? [] {
      if let (label, value) = wanted, one.labels[label] != value { continue }
      sums[names.map { one.labels[$0] ?? "" }, default: 0] += one.value
    }
    return sums
  }

  /// The counts of a histogram's buckets by their bounds, in order, by some of its labels.
  func buckets(_ name: String, by names: [String]) -> [[String]: [Double: Double]] {
    var found: [[String]: [Double: Double]] = [:]
    for one in series["\(name)_bucket"] ?? [] {
      let bound = one.labels["le"] == "+Inf" ? .infinity : Double(one.labels["le"] ?? "") ?? 0
      found[names.map { one.labels[$0] ?? "" }, default: [:]][bound, default: 0] += one.value
    }
    return found
  }

  /// The median of what came between two readings, in its bucket by straight line; nil where nothing came.
  static func median(_ before: [Double: Double], _ now: [Double: Double]) -> Double? {
    let counts = now.map { ($0.key, $0.value - (before[$0.key] ?? 0)) }.sorted { $0.0 < $1.0 }
    guard let total = counts.last?.1, total > 0 else { return nil }
    var (lower, below) = (0.0, 0.0)
    for (bound, count) in counts {
      if count >= total / 2 {
        guard bound.isFinite, count > below else { return lower }
        return lower + (bound - lower) * (total / 2 - below) / (count - below)
      }
      (lower, below) = (bound, count)
    }
    return lower
  }
}
