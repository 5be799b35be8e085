/// Durations as written in the file: a whole number and a unit.
enum DurationText {
  static let units: [(suffix: String, milliseconds: Int64)] = [
    ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
  ]

  /// The largest number of any unit; keeps every product far from overflow.
  static let maximumCount = 999_999_999

  static func parse(_ text: String) throws(Invalid) -> Duration {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let suffix = text.dropFirst(digits.count)
    guard let count = decimal(digits, maximum: maximumCount) else {
      throw Invalid("\(quoted(text)) is no duration", "write 500ms, 10s, 5m, 24h or 7d")
    }
    if suffix.isEmpty { throw Invalid("\(quoted(text)) has no unit", "write \(digits)s for seconds") }
    guard let unit = units.first(where: { $0.suffix == suffix }) else {
      throw Invalid("\(quoted(text)) has an unknown unit", "write ms, s, m, h or d after the number")
    }
    return .milliseconds(Int64(count) * unit.milliseconds)
  }

  /// The shortest text of a duration, in the largest unit that divides it.
  static func text(_ duration: Duration) -> String {
    let milliseconds = duration.wholeMilliseconds
    let unit = units.last { milliseconds != 0 && milliseconds % $0.milliseconds == 0 } ?? units[1]
    return "\(milliseconds / unit.milliseconds)\(unit.suffix)"
  }
}

extension Duration {
  /// Whole milliseconds, rounded down; at most what fits.
  public var wholeMilliseconds: Int64 {
    let (seconds, attoseconds) = components
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
    guard !overflow else { return seconds < 0 ? .min : .max }
    let (sum, carried) = product.addingReportingOverflow(attoseconds / 1_000_000_000_000_000)
    return carried ? .max : sum
  }
}
