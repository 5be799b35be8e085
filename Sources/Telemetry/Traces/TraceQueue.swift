internal import Synchronization

/// Spans that wait to be told. Whoever leaves some never waits: what has no room is dropped and counted.
public final class TraceQueue: Sendable {
  /// The most spans that wait.
  public static let maximumSpans = 4096

  /// The process' own: workers leave their spans there, whatever settings they serve by.
  public static let ofProcess = TraceQueue()

  private let state = Mutex<(spans: [TraceSpan], dropped: UInt64)>(([], 0))

  /// An empty one.
  public init() {}

  /// Leaves spans; all of them or none.
  public func add(_ spans: [TraceSpan]) {
    state.withLock { state in
      guard state.spans.count + spans.count <= Self.maximumSpans else {
        state.dropped &+= UInt64(spans.count)
        return
      }
      state.spans += spans
    }
  }

  /// Takes those that have waited longest.
  public func take(atMost count: Int) -> [TraceSpan] {
    state.withLock { state in
      let taken = Array(state.spans.prefix(count))
      state.spans.removeFirst(taken.count)
      return taken
    }
  }

  /// Spans that were dropped so far because too many waited.
  public var dropped: UInt64 { state.withLock { $0.dropped } }
}
