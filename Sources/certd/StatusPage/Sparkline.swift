/// A small chart of the last minutes, drawn as SVG.
struct Sparkline {
  /// Its size in units of its own; the page stretches it.
  static let (width, height) = (300.0, 56.0)

  /// One value a second, the oldest first.
  let values: [Double?]
  /// What it shows, for those who do not see it.
  let label: String

  /// The picture: the newest value stands at the right edge.
  var svg: String {
    let top = values.compactMap(\.self).max() ?? 0
    let (area, line) = paths(max(top, 1e-9))
    return """
      <svg viewBox="0 0 \(Int(Self.width)) \(Int(Self.height))" preserveAspectRatio="none" role="img" \
      aria-label="\(Markup.text(label))"><path class="area" d="\(area)"/><path class="line" d="\(line)"/></svg>
      """
  }

  private func paths(_ top: Double) -> (area: String, line: String) {
    let step = Self.width / Double(TrafficRing.maximumSeconds - 1)
    var (area, line) = ("", "")
    var run: [(x: Double, y: Double)] = []
    func end() {
      guard let first = run.first, let last = run.last else { return }
      // A value alone is a dot.
      let points = run.count == 1 ? [first, (first.x + step, first.y)] : run
      let path = points.map { "\(Self.digits($0.x)) \(Self.digits($0.y))" }.joined(separator: "L")
      line += "M\(path)"
      area +=
        "M\(Self.digits(first.x)) \(Int(Self.height))L\(path)L\(Self.digits(last.x)) \(Int(Self.height))Z"
      run = []
    }
    for (index, value) in values.suffix(TrafficRing.maximumSeconds).enumerated() {
      guard let value else {
        end()
        continue
      }
      let x = Self.width - Double(min(values.count, TrafficRing.maximumSeconds) - 1 - index) * step
      run.append((x, Self.height - 2 - (Self.height - 6) * min(1, max(0, value / top))))
    }
    end()
    return (area, line)
  }

  private static func digits(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(abs(tenths % 10))"
  }
}
