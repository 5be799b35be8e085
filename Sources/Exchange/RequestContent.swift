public import HTTP

/// Follows a request's content on a connection of HTTP/1: where it ends, and what of it goes to the backend.
public struct RequestContent: Sendable, BitwiseCopyable {
  /// How its end is told.
  public private(set) var framing = BodyFraming.none
  /// It comes in chunks and goes out without: the backend speaks HTTP/2.
  private var unwraps = false
  private var left: UInt64 = 0
  private var chunks = ChunkedFraming()

  /// None.
  public init() {}

  /// Content framed as the head says; `unwraps` where chunks are taken apart.
  public init(_ framing: BodyFraming, unwraps: Bool = false) {
    self.framing = framing
    self.unwraps = unwraps && framing == .chunked
    if case .length(let length) = framing { left = length }
  }

  /// No field of the client's may stand behind it.
  public var forbidsTrailers: Bool { chunks.forbidsTrailers }

  /// Refuses fields behind it: names that somebody else speaks by must not come that way.
  public mutating func forbidTrailers() { chunks.forbidTrailers() }

  /// What is still to come of content whose length was told, in bytes; nil of other content.
  public var leftOfLength: UInt64? {
    guard case .length = framing else { return nil }
    return left
  }

  /// From here on chunks pass as they come: answers how they go on behind one that has all so far. Nil, and nothing changes,
  /// where that cannot be told.
  public mutating func passChunks() -> ChunkedFraming.Joint? {
    guard unwraps, let joint = chunks.joint else { return nil }
    unwraps = false
    return joint
  }

  /// What some bytes were.
  public struct Taken: Equatable, Sendable {
    /// Bytes of content, which stand together at the beginning.
    public var kept: Int
    /// Bytes that belong to the request.
    public var used: Int
    /// The request ends with them.
    public var isComplete: Bool
    /// Some bytes.
    public init(kept: Int, used: Int, isComplete: Bool) {
      self.kept = kept
      self.used = used
      self.isComplete = isComplete
    }
  }

  /// Follows `count` bytes; `trailer` is told those of field lines behind the content. Nil when they are malformed.
  public mutating func follow(
    _ p: UnsafeMutablePointer<UInt8>, _ count: Int, trailer: (UInt8) -> Void
  ) -> Taken? {
    switch framing {
    case .none, .untilClose: return Taken(kept: 0, used: 0, isComplete: true)
    case .length:
      let n = Int(min(UInt64(count), left))
      left -= UInt64(n)
      return Taken(kept: n, used: n, isComplete: left == 0)
    case .chunked:
      guard count > 0 else { return Taken(kept: 0, used: 0, isComplete: false) }
      return unsafe unwraps ? unwrap(p, count, trailer: trailer) : scan(p, count)
    }
  }

  /// Content of an HTTP/2 stream of so many bytes: whether all that was declared has come.
  public mutating func count(_ n: Int) -> Bool {
    guard case .length = framing else { return false }
    left -= min(UInt64(n), left)
    return left == 0
  }

  private mutating func scan(_ p: UnsafePointer<UInt8>, _ count: Int) -> Taken? {
    switch unsafe chunks.scan(p, count) {
    case .more: Taken(kept: count, used: count, isComplete: false)
    case .end(let n): Taken(kept: n, used: n, isComplete: true)
    case .failed: nil
    }
  }

  private mutating func unwrap(
    _ p: UnsafeMutablePointer<UInt8>, _ count: Int, trailer: (UInt8) -> Void
  ) -> Taken? {
    var kept = 0
    let outcome = unsafe chunks.scan(
      p, count,
      data: { at, n in
        unsafe (p + kept).update(from: p + at, count: n)
        kept += n
      }, trailer: trailer)
    switch outcome {
    case .more: return Taken(kept: kept, used: count, isComplete: false)
    case .end(let n): return Taken(kept: kept, used: n, isComplete: true)
    case .failed: return nil
    }
  }
}
