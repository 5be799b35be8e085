/// One sample of Prometheus' text format.
struct MetricLine {
  let name: String
  let value: Double
  private let labels: ArraySlice<UInt8>

  /// The longest name that is looked at, in bytes.
  private static let maximumName = 64
  /// The longest figure that is read, in bytes.
  private static let maximumFigure = 32

  /// Nil for a comment, and for what is none.
  init?(_ line: ArraySlice<UInt8>) {
    guard line.first != UInt8(ascii: "#"),
      let end = line.prefix(Self.maximumName + 1).firstIndex(where: {
        $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: " ")
      })
    else { return nil }
    var rest = line[end...]
    labels =
      line[end] == UInt8(ascii: "{")
      ? line[end...(line[end...].lastIndex(of: UInt8(ascii: "}")) ?? end)] : line[end..<end]
    rest = line[labels.endIndex...].drop { $0 == 0x20 || $0 == 0x09 }
    // A time may follow.
    let figure = rest.prefix { $0 != 0x20 && $0 != 0x09 }
    guard figure.count <= Self.maximumFigure, let value = Double(String(decoding: figure, as: UTF8.self))
    else { return nil }
    self.value = value
    name = String(decoding: line[..<end], as: UTF8.self)
  }

  /// The value of a label, without regard to escapes: nothing that is looked for has any.
  func label(_ name: StaticString) -> String? {
    let wanted = (0..<name.utf8CodeUnitCount).map { unsafe name.utf8Start[$0] } + Array("=\"".utf8)
    var at = labels.startIndex
    while at < labels.endIndex {
      // Behind the brace, or behind a comma.
      let start = labels[labels.index(after: at)...]
      if labels[at] == UInt8(ascii: "{") || labels[at] == UInt8(ascii: ","), start.starts(with: wanted) {
        let value = start.dropFirst(wanted.count).prefix { $0 != UInt8(ascii: "\"") }
        return String(decoding: value.prefix(Self.maximumName), as: UTF8.self)
      }
      at = labels.index(after: at)
    }
    return nil
  }

  /// It is told by another process of an engine than the first one.
  var isOfFurtherRank: Bool {
    (label("tp_rank") ?? "0") != "0" || (label("pp_rank") ?? "0") != "0"
  }
}
