import Telemetry

/// What has been counted up to each of the last seconds. Pure.
struct TrafficRing: Sendable {
  /// How far it looks back, in seconds.
  static let maximumSeconds = 300

  /// The oldest first, and when each was taken, in monotonic milliseconds.
  private var taken: [(at: UInt64, figures: TrafficFigures)] = []

  /// Remembers what has been counted up to now.
  mutating func add(_ figures: TrafficFigures, at milliseconds: UInt64) {
    if taken.count > Self.maximumSeconds { taken.removeFirst() }
    taken.append((milliseconds, figures))
  }

  /// How much time there is to tell of, in seconds.
  var seconds: Double {
    guard let first = taken.first, let last = taken.last else { return 0 }
    return Double(last.at - first.at) / 1000
  }

  /// One value for each step between two neighbours; nil where a step has none.
  func series(_ value: (_ step: TrafficFigures, _ seconds: Double) -> Double?) -> [Double?] {
    zip(taken, taken.dropFirst()).map { before, after in
      let seconds = Double(after.at - before.at) / 1000
      return seconds > 0 ? value(after.figures.since(before.figures), seconds) : nil
    }
  }

  /// What has come within the last seconds, and how many they were.
  func last(_ seconds: Int) -> (figures: TrafficFigures, seconds: Double) {
    guard let last = taken.last, let first = taken.suffix(seconds + 1).first, first.at < last.at else {
      return (TrafficFigures(), 0)
    }
    return (last.figures.since(first.figures), Double(last.at - first.at) / 1000)
  }
}
