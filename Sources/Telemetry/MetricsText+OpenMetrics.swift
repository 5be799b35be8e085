extension MetricsText {
  /// The value of the Content-Type field of OpenMetrics.
  public static let openMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8"

  /// The same as OpenMetrics 1.0 has it: counters' families go without `_total`, bounds are floats, and the end is told.
  public var openMetrics: String {
    var out = ""
    out.reserveCapacity(text.utf8.count + 16)
    var counters: Set<Substring> = []
    for line in text.split(separator: "\n")
    where line.hasPrefix("# TYPE ") && line.hasSuffix("_total counter") {
      counters.insert(line.dropFirst("# TYPE ".count).dropLast(" counter".count))
    }
    for line in text.split(separator: "\n") {
      if line.hasPrefix("# ") {
        let words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
        let name = counters.contains(words[2]) ? words[2].dropLast("_total".count) : words[2]
        out += "# \(words[1]) \(name) \(words.count > 3 ? words[3] : "")\n"
      } else {
        out += Self.canonical(line) + "\n"
      }
    }
    return out + "# EOF\n"
  }

  /// A sample whose bound is a whole number gets it with a fraction.
  private static func canonical(_ line: Substring) -> String {
    let mark = "le=\""
    guard line.contains("_bucket{"), let start = line.firstRange(of: mark) else { return String(line) }
    let bound = line[start.upperBound...].prefix { $0 != "\"" }
    guard !bound.isEmpty, bound.allSatisfy(\.isNumber) else { return String(line) }
    return line[..<start.upperBound] + bound + ".0" + line[bound.endIndex...]
  }
}
