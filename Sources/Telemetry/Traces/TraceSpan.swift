/// One step of a trace, as OpenTelemetry has them.
public struct TraceSpan: Sendable, Equatable {
  /// Which side of a call it tells of; the numbers are OTLP's.
  public enum Kind: UInt64, Sendable { case internalStep = 1, server = 2, client = 3 }

  /// What an attribute says.
  public enum Value: Sendable, Equatable {
    /// A text.
    case text(String)
    /// A number.
    case number(Int64)
  }

  /// Something that happened on the way.
  public struct Event: Sendable, Equatable {
    /// What it was.
    public var name: String
    /// When, in nanoseconds since the epoch.
    public var time: UInt64

    /// An event at a time.
    public init(_ name: String, at time: UInt64) {
      self.name = name
      self.time = time
    }
  }

  /// The trace, the higher half first.
  public var trace: TraceID
  /// Its own number, never 0.
  public var span: UInt64
  /// That of the step that it is part of; 0 for none.
  public var parent: UInt64
  /// What it is called: one of a few names.
  public var name: String
  /// Which side of a call it is.
  public var kind: Kind
  /// When it began and ended, in nanoseconds since the epoch.
  public var start: UInt64
  /// When it ended.
  public var end: UInt64
  /// What is known of it.
  public var attributes: [(name: String, value: Value)] = []
  /// What happened on the way.
  public var events: [Event] = []
  /// It has failed.
  public var isError = false

  /// A step without attributes.
  public init(
    _ name: String, _ kind: Kind, trace: TraceID, span: UInt64, parent: UInt64, start: UInt64, end: UInt64
  ) {
    (self.name, self.kind, self.trace, self.span) = (name, kind, trace, span)
    (self.parent, self.start, self.end) = (parent, start, max(start, end))
  }

  /// By everything that they tell.
  public static func == (a: Self, b: Self) -> Bool { OTLP.span(a) == OTLP.span(b) }
}

/// The number of a trace: 16 bytes, not all 0.
public struct TraceID: Sendable, Hashable, BitwiseCopyable {
  /// The first eight bytes.
  public var high: UInt64
  /// The last eight bytes.
  public var low: UInt64

  /// A number by its halves.
  public init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }

  /// A new one out of chance.
  public init(random: () -> UInt64) {
    let (a, b) = (random(), random())
    self.init(high: a, low: b == 0 ? 1 : b)
  }
}

/// Which requests are traced.
public struct TraceSettings: Sendable, Equatable {
  /// The share of requests whose traces begin here that are told; those that trusted clients have begun say so themselves.
  public var sample: Double

  /// Told by this share.
  public init(sample: Double) { self.sample = sample }
}
