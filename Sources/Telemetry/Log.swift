// Telemetry: what the process tells about itself: log lines, access log, counters, histograms.
//
// It does not decide what is worth telling, rotate or compress files, listen on a socket or keep history.
// It promises that one line is one line whatever bytes are in it; that a secret wrapped in `Secret` is never
// written; that the data plane's half (AccessLog, CounterBlock, Histogram) neither allocates nor waits nor
// takes a lock on the request path.

public import OS
import Synchronization

/// The structured log of the control plane: a message and named values, one line each.
///
/// Safe from every thread; a line is one write, so lines of several threads never mix.
public final class Log: Sendable {
  /// How important a line is.
  public enum Level: Int, Sendable, Comparable, CaseIterable {
    case debug, info, warn, error

    /// By importance.
    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  }

  /// The shape of a line.
  public enum Format: Sendable, Equatable {
    /// For people: time, level, message, values.
    case text(colour: Bool)
    /// For programs: one JSON object.
    case json
  }

  private let sink: any LogSink
  private let shape: Shape
  private let wallNanoseconds: @Sendable () -> Int64
  private let threshold: Atomic<Int>
  private let problems = Mutex<[LogLine]>([])
  private let events = Mutex<[LogLine]>([])

  /// A log into a sink; `wallNanoseconds` is the time since the epoch.
  public convenience init(
    to sink: any LogSink, format: Format, level: Level = .info,
    wallNanoseconds: @escaping @Sendable () -> Int64 = { Clock.wallNanoseconds() }
  ) {
    self.init(to: sink, Shape(format), level, wallNanoseconds)
  }

  /// A log by a queue and a thread of its own: whoever writes a line never waits for the descriptor's reader. Lines that are
  /// lost meanwhile are told of by one line. Throws `SystemError` when the system has no thread for it.
  public static func queued(
    descriptor: Int32, format: Format, level: Level = .info
  ) throws(SystemError) -> Log {
    let shape = Shape(format)
    let sink = try QueuedSink(descriptor: descriptor) { lost in
      let line = LogLine(
        wallNanoseconds: Clock.wallNanoseconds(), level: .warn,
        message: "log lines were lost: nobody read them",
        values: [("lines", .number(lost))])
      return line.bytes(shape.format.withLock { $0 })
    }
    return Log(to: sink, shape, level, { Clock.wallNanoseconds() })
  }

  private init(
    to sink: any LogSink, _ shape: Shape, _ level: Level, _ wallNanoseconds: @escaping @Sendable () -> Int64
  ) {
    self.sink = sink
    self.shape = shape
    self.wallNanoseconds = wallNanoseconds
    threshold = Atomic(level.rawValue)
  }

  private final class Shape: Sendable {
    let format: Mutex<Format>
    init(_ format: Format) { self.format = Mutex(format) }
  }

  /// The least important level that is written; may be set at any time, from any thread.
  public var level: Level {
    get { Level(rawValue: threshold.load(ordering: .relaxed)) ?? .info }
    set { threshold.store(newValue.rawValue, ordering: .relaxed) }
  }

  /// The shape of lines; may be set at any time, from any thread.
  public var format: Format {
    get { shape.format.withLock { $0 } }
    set { shape.format.withLock { $0 = newValue } }
  }

  /// Waits until what was written has left, at most so many milliseconds.
  public func flush(milliseconds: Int) { sink.flush(milliseconds: milliseconds) }

  /// Whether a line of that level would be written, for callers whose values cost something.
  public func isEnabled(_ level: Level) -> Bool { level >= self.level }

  /// Writes a line, unless its level is below the log's.
  public func write(_ level: Level, _ message: String, _ values: KeyValuePairs<String, LogValue> = [:]) {
    guard isEnabled(level) else { return }
    write(level, message, values.map { ($0.key, $0.value) })
  }

  /// The same with values that are put together one by one.
  public func write(_ level: Level, _ message: String, _ values: [(String, LogValue)]) {
    guard isEnabled(level) else { return }
    let line = LogLine(wallNanoseconds: wallNanoseconds(), level: level, message: message, values: values)
    if level >= .warn { problems.withLock { $0 = ($0 + [line]).suffix(Self.maximumProblems) } }
    if level >= .info { events.withLock { $0 = ($0 + [line]).suffix(Self.maximumEvents) } }
    sink.write(line.bytes(format))
  }

  /// How many of the last warnings and errors are remembered, in lines.
  public static let maximumProblems = 32

  /// The last warnings and errors that were written, each as a line of JSON, the oldest first.
  public var recentProblems: [[UInt8]] { problems.withLock { $0.map { $0.bytes(.json) } } }

  /// How many of the last lines that are no details are remembered, in lines.
  public static let maximumEvents = 64

  /// The last lines that were written and are no details, each as a line of JSON, the oldest first.
  public var recentEvents: [[UInt8]] { events.withLock { $0.map { $0.bytes(.json) } } }

  /// Details for somebody who is looking for a fault.
  public func debug(_ message: String, _ values: KeyValuePairs<String, LogValue> = [:]) {
    write(.debug, message, values)
  }

  /// Something happened as it should.
  public func info(_ message: String, _ values: KeyValuePairs<String, LogValue> = [:]) {
    write(.info, message, values)
  }

  /// Something is odd and was coped with.
  public func warn(_ message: String, _ values: KeyValuePairs<String, LogValue> = [:]) {
    write(.warn, message, values)
  }

  /// Something failed and somebody should look.
  public func error(_ message: String, _ values: KeyValuePairs<String, LogValue> = [:]) {
    write(.error, message, values)
  }

  /// The format for a descriptor: text on a terminal and JSON otherwise; colours unless `noColour`, which is
  /// whether the environment holds a non-empty `NO_COLOR`.
  public static func automaticFormat(descriptor: Int32, noColour: Bool) -> Format {
    Sys.isTerminal(descriptor) ? .text(colour: !noColour) : .json
  }
}
