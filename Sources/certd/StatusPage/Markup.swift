import JSON

/// Text in HTML, and figures for people.
enum Markup {
  /// A text as it may stand between tags and in quoted attributes: nothing in it is markup, or turns the writing direction.
  static func text(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "\"": out += "&quot;"
      case "'": out += "&#39;"
      default:
        if JSONString.isUnsafeToShow(scalar) { out += "\u{FFFD}" } else { out.unicodeScalars.append(scalar) }
      }
    }
    return out
  }

  /// The text of a member; empty where it has none.
  static func text(_ value: JSONValue, _ name: String) -> String {
    switch value[name] {
    case .string(let string): text(string)
    case .number(let number): number
    default: ""
    }
  }

  /// A number in three or four figures: `0`, `3.5`, `120`, `12.3k`.
  static func number(_ value: Double) -> String {
    for (unit, size) in [("G", 1e9), ("M", 1e6), ("k", 1e3)] where value >= size * 10 {
      return figure(value / size) + unit
    }
    return figure(value)
  }

  /// Microseconds: `850 µs`, `3.4 ms`, `1.2 s`.
  static func duration(_ microseconds: Double) -> String {
    if microseconds < 1000 { return "\(Int(microseconds.rounded())) µs" }
    return microseconds < 1e6 ? "\(figure(microseconds / 1e3)) ms" : "\(figure(microseconds / 1e6)) s"
  }

  /// How long something takes, in its largest unit: `57 days`, `3 hours`, `100 seconds`.
  static func span(_ seconds: Int64) -> String {
    let units: [(String, Int64)] = [("day", 86_400), ("hour", 3600), ("minute", 60)]
    let (name, size) = units.first { seconds >= $0.1 * 2 } ?? ("second", 1)
    let count = max(0, seconds / size)
    return "\(count) \(name)\(count == 1 ? "" : "s")"
  }

  private static func figure(_ value: Double) -> String {
    guard value.isFinite, value < 1e15 else { return "–" }
    let tenths = Int64((value * 10).rounded())
    return value >= 100 || tenths % 10 == 0 ? "\(Int64(value.rounded()))" : "\(tenths / 10).\(tenths % 10)"
  }
}
