/// The text format that Prometheus reads (version 0.0.4).
public enum Exposition {
  /// The value of the Content-Type field.
  public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  /// Every counter, summed over the workers, and the number of open connections.
  public static func text(_ blocks: [CounterBlock]) -> String {
    func sum(_ counter: Counter) -> UInt64 { blocks.reduce(0) { $0 &+ $1.value(of: counter) } }
    var out = ""
    var previous = ""
    for counter in Counter.allCases {
      if counter.name != previous {
        out += "# HELP \(counter.name) \(counter.help)\n# TYPE \(counter.name) counter\n"
        previous = counter.name
      }
      out += "\(counter.name)\(counter.label.map { "{\($0)}" } ?? "") \(sum(counter))\n"
    }
    let errors = "certd_request_errors_total"
    out +=
      "# HELP \(errors) Requests that got an answer of certd's own instead, by whose doing it was and why.\n"
    out += "# TYPE \(errors) counter\n"
    for error in RequestError.allCases {
      let count = blocks.reduce(0) { $0 &+ $1.value(of: error) }
      out += "\(errors){origin=\"\(error.origin)\",reason=\"\(error.reason)\"} \(count)\n"
    }
    let closed = sum(.connectionsClosed)
    let accepted = sum(.connectionsAccepted)
    out += "# HELP certd_connections Client connections open now.\n# TYPE certd_connections gauge\n"
    return out + "certd_connections \(accepted > closed ? accepted - closed : 0)\n"
  }

  /// A histogram of microseconds as one of seconds, with a bound at each power of two from 256 µs to 18 min.
  /// `labels` stands inside the braces, for instance `service="chat"`; the caller vouches for its characters.
  public static func text(
    name: String, help: String, labels: String = "", microseconds snapshot: HistogramSnapshot
  ) -> String {
    text(name: name, help: help, [(labels, snapshot)])
  }

  /// The same of several, told apart by their labels; nothing of none.
  public static func text(
    name: String, help: String, _ members: [(labels: String, microseconds: HistogramSnapshot)]
  ) -> String {
    guard !members.isEmpty else { return "" }
    return "# HELP \(name) \(help)\n# TYPE \(name) histogram\n"
      + members.map { lines(name, $0.labels, $0.microseconds) }.joined()
  }

  private static func lines(_ name: String, _ labels: String, _ snapshot: HistogramSnapshot) -> String {
    let prefix = labels.isEmpty ? "" : "\(labels),"
    let suffix = labels.isEmpty ? "" : "{\(labels)}"
    var out = ""
    for exponent in 8...30 {
      let count = snapshot.count(belowPowerOfTwo: exponent)
      out += "\(name)_bucket{\(prefix)le=\"\(seconds(1 << UInt64(exponent)))\"} \(count)\n"
    }
    out += "\(name)_bucket{\(prefix)le=\"+Inf\"} \(snapshot.count)\n"
    return out + "\(name)_sum\(suffix) \(seconds(snapshot.sum))\n\(name)_count\(suffix) \(snapshot.count)\n"
  }

  /// Microseconds as decimal seconds, exactly.
  static func seconds(_ microseconds: UInt64) -> String {
    let (whole, rest) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
    guard rest > 0 else { return String(whole) }
    let digits = String(rest)
    var fraction = String(repeating: "0", count: 6 - digits.utf8.count) + digits
    while fraction.hasSuffix("0") { fraction.removeLast() }
    return "\(whole).\(fraction)"
  }
}
