/// Builds metrics in the text format that Prometheus reads (version 0.0.4), family by family.
public struct MetricsText: Sendable {
  /// What has been written.
  public private(set) var text = ""

  /// What a family is.
  public enum Kind: String, Sendable { case counter, gauge }

  /// Labels by name; a value may be anything.
  public typealias Labels = KeyValuePairs<StaticString, String>

  /// One value of a family.
  public struct Sample {
    let labels: Labels
    let value: Double

    /// A value, told apart by its labels.
    public init(_ labels: Labels, _ value: Double) {
      self.labels = labels
      self.value = value
    }
  }

  /// Nothing yet.
  public init() {}

  /// Writes a family; nothing of one without samples.
  public mutating func family(
    _ name: StaticString, _ kind: Kind, _ help: StaticString, _ samples: [Sample]
  ) {
    guard !samples.isEmpty else { return }
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
    for sample in samples {
      text += "\(name)"
      if !sample.labels.isEmpty {
        text += "{"
        text += sample.labels.map { "\($0.key)=\"\(Self.escaped($0.value))\"" }.joined(separator: ",")
        text += "}"
      }
      text += " \(Self.number(sample.value))\n"
    }
  }

  /// The same with one sample and no labels.
  public mutating func single(_ name: StaticString, _ kind: Kind, _ help: StaticString, _ value: Double) {
    family(name, kind, help, [Sample([:], value)])
  }

  /// Adds families that are text already.
  public mutating func append(_ families: String) { text += families }

  /// Whole numbers without a fraction, all digits of others.
  static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    if let whole = Int64(exactly: value) { return "\(whole)" }
    return "\(value)"
  }

  /// A label and its value, as they stand inside the braces.
  public static func label(_ name: StaticString, _ value: String) -> String {
    "\(name)=\"\(escaped(value))\""
  }

  /// A label's value as the format has it; what is no text cannot break a line.
  static func escaped(_ value: String) -> String {
    var out = ""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\\": out += "\\\\"
      case "\"": out += "\\\""
      case "\n": out += "\\n"
      case "\r", "\0": out += "?"
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }
}
