public import HTTP
public import ModelAPI

/// Follows a response's content: where it ends, and how it is framed anew for the client.
public struct ResponseContent: Sendable, BitwiseCopyable {
  /// How content passes from the backend to the client.
  public enum Relay: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    /// Bytes as they are.
    case asIs
    /// Wrapped into chunks: the backend ends its content by closing.
    case addChunks
    /// Unwrapped from chunks: the client's connection frames content otherwise, or not at all.
    case removeChunks
    /// Unwrapped from chunks and wrapped into others: some of it stays behind.
    case renewChunks
  }

  /// How its end is told.
  public private(set) var framing = BodyFraming.none
  /// How it passes.
  public private(set) var relay = Relay.asIs
  private var left: UInt64 = 0
  private var chunks = ChunkedFraming(allowsSpace: true)

  /// Whether it is wrapped into chunks of ours.
  @inlinable
  public var addsChunks: Bool { relay == .addChunks || relay == .renewChunks }

  /// Whether something of ours may stand before what comes next: no chunk has been begun.
  public var isBetweenChunks: Bool { framing != .chunked || chunks.isBetweenChunks }

  /// None.
  public init() {}

  /// Content framed as the head says, for a client of that version; compressed on the way where `isCoded`.
  /// `isFiltered`: some of it stays behind.
  public init(_ framing: BodyFraming, for version: Version, isCoded: Bool, isFiltered: Bool = false) {
    self.framing = framing
    if case .length(let length) = framing { left = length }
    switch framing {
    case .chunked:
      relay = isCoded || version != .http11 ? .removeChunks : isFiltered ? .renewChunks : .asIs
    case .untilClose: relay = isCoded || version != .http11 ? .asIs : .addChunks
    case .none, .length: relay = .asIs
    }
  }

  /// Follows a range and leaves in it what goes to the client; `trailer` is told the bytes of field lines behind the
  /// content where chunks are taken apart. Whether the content ends in it; nil when it is malformed.
  public mutating func follow(
    _ buffer: UnsafeMutablePointer<UInt8>, _ range: inout ContentRange, trailer: (UInt8) -> Void
  ) -> Bool? {
    switch framing {
    case .none:
      range.cut(to: range.from)
      return true
    case .length:
      let n = Int(min(UInt64(range.to - range.from), left))
      left -= UInt64(n)
      range.cut(to: range.from + n)
      return left == 0
    case .untilClose: return false
    case .chunked: return unsafe followChunks(buffer, &range, trailer: trailer)
    }
  }

  /// The same for content that is read by a scan, as it is without its framing.
  public mutating func follow(
    _ buffer: UnsafeMutablePointer<UInt8>, _ range: inout ContentRange, scan: inout ResponseScan,
    trailer: (UInt8) -> Void
  ) -> Bool? {
    guard framing == .chunked, relay == .asIs else {
      let found = unsafe follow(buffer, &range, trailer: trailer)
      unsafe scan.feed(UnsafeRawBufferPointer(start: buffer + range.from, count: range.to - range.from))
      return found
    }
    let p = unsafe buffer + range.from
    let outcome = unsafe chunks.scan(
      p, range.to - range.from,
      data: { at, n in unsafe scan.feed(UnsafeRawBufferPointer(start: p + at, count: n)) })
    switch outcome {
    case .failed: return nil
    case .more: return false
    case .end(let n):
      range.cut(to: range.from + n)
      return true
    }
  }

  private mutating func followChunks(
    _ buffer: UnsafeMutablePointer<UInt8>, _ range: inout ContentRange, trailer: (UInt8) -> Void
  ) -> Bool? {
    let p = unsafe buffer + range.from
    let available = range.to - range.from
    var kept = 0
    let outcome: ChunkedFraming.Outcome
    let isUnwrapped = relay != .asIs
    if isUnwrapped {
      outcome = unsafe chunks.scan(
        p, available,
        data: { at, n in
          unsafe (p + kept).update(from: p + at, count: n)
          kept += n
        }, trailer: trailer)
    } else {
      outcome = unsafe chunks.scan(p, available)
    }
    switch outcome {
    case .failed: return nil
    case .more: break
    case .end(let n): range.cut(to: range.from + n)
    }
    if isUnwrapped { range.to = range.from + kept }
    if case .end = outcome { return true }
    return false
  }
}
