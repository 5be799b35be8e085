internal import APIKeys

/// Counts as written in files and on command lines: a whole number, and `k` or `M` for thousands and millions.
public enum CountText {
  private static let units: [(suffix: String, factor: Int)] = [("", 1), ("k", 1000), ("M", 1_000_000)]

  /// The number of a text from 1 to `KeyLimits.maximum`; nil for anything else.
  public static func number(_ text: String) -> Int? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let suffix = text.dropFirst(digits.count)
    guard let count = decimal(digits, maximum: KeyLimits.maximum),
      let unit = units.first(where: { $0.suffix == suffix })
    else { return nil }
    let (number, overflow) = count.multipliedReportingOverflow(by: unit.factor)
    return overflow || number < 1 || number > KeyLimits.maximum ? nil : number
  }

  static func parse(_ text: String) throws(Invalid) -> Int {
    guard let number = number(text) else {
      throw Invalid("\(quoted(text)) is no count", "write a whole number from 1, such as 500, 200k or 1M")
    }
    return number
  }
}

/// Spans of time as written in files and on command lines.
public enum SpanText {
  /// The seconds of `90d`, `12h`, `30m` or `45s`; nil for anything else, and for less than a second.
  public static func seconds(_ text: String) -> Int64? {
    guard let span = try? DurationText.parse(text) else { return nil }
    let seconds = span.wholeMilliseconds / 1000
    return seconds > 0 ? seconds : nil
  }
}
