#if canImport(Glibc)
  import Glibc
#endif

/// One field line of a head, as offsets into its buffer.
public struct FieldLine: BitwiseCopyable, Sendable {
  /// Where the name begins.
  public var nameStart: UInt32
  /// The name's length in bytes.
  public var nameLength: UInt32
  /// Where the value begins, white space skipped.
  public var valueStart: UInt32
  /// The value's length in bytes, white space before and after not counted.
  public var valueLength: UInt32
  /// Which name it is.
  public var name: FieldName
}

/// Room for the field lines of one head: allocated once for each worker and used for every message.
@safe public struct FieldSection: ~Copyable {
  /// The lines of the head parsed last.
  public let lines: UnsafeMutablePointer<FieldLine>
  /// How many there are.
  public internal(set) var count = 0
  /// How many there may be in any head.
  public let capacity: Int
  /// How many there may be in a request's.
  public let requestCapacity: Int

  /// Room for so many lines, of which requests may use fewer.
  public init(capacity: Int, requests: Int = .max) {
    self.capacity = max(1, capacity)
    requestCapacity = max(1, min(requests, capacity))
    unsafe lines = .allocate(capacity: self.capacity)
  }

  deinit { unsafe lines.deallocate() }

  /// Parses trailer lines up to the empty line that ends `count` bytes.
  public mutating func parseTrailers(_ base: UnsafePointer<UInt8>, count: Int) -> ParseError? {
    guard count >= 2, unsafe base[count - 2] == 0x0D, unsafe base[count - 1] == 0x0A else {
      return .malformedTrailer
    }
    return unsafe parse(base, from: 0, to: count, most: capacity)
  }

  /// Parses the field lines from `start` to the empty line that ends at `end`.
  mutating func parse(_ base: UnsafePointer<UInt8>, from start: Int, to end: Int, most: Int)
    -> ParseError?
  {
    count = 0
    var at = start
    let last = end - 2
    while at < last {
      guard let found = unsafe memchr(base + at, 0x0A, end - at) else { return .bareLineFeed }
      let lineEnd = unsafe UnsafePointer(found.assumingMemoryBound(to: UInt8.self)) - base - 1
      if let error = unsafe parseLine(base, at, lineEnd, within: end, most) { return error }
      at = lineEnd + 2
    }
    return nil
  }

  @inline(__always)
  private mutating func parseLine(
    _ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int, within all: Int, _ most: Int
  ) -> ParseError? {
    if unsafe base[start] == 0x20 || base[start] == 0x09 { return .obsoleteFolding }
    var colon = unsafe Characters.passNameLetters(base, from: start, to: all)
    while colon < end, unsafe Characters.isNameLetter(base[colon]) || Characters.isToken(base[colon]) {
      colon += 1
    }
    guard colon < end else { return .missingColon }
    guard unsafe base[colon] == 0x3A else {
      return unsafe base[colon] == 0x20 || base[colon] == 0x09 ? .spaceBeforeColon : .malformedFieldName
    }
    guard colon > start else { return .malformedFieldName }
    var valueStart = colon + 1
    while valueStart < end, unsafe base[valueStart] == 0x20 || base[valueStart] == 0x09 { valueStart += 1 }
    var valueEnd = end
    while valueEnd > valueStart, unsafe base[valueEnd - 1] == 0x20 || base[valueEnd - 1] == 0x09 {
      valueEnd -= 1
    }
    guard unsafe Characters.areValue(base + valueStart, valueEnd - valueStart) else {
      return .malformedFieldValue
    }
    guard count < most else { return .tooManyFields }
    unsafe lines[count] = unsafe FieldLine(
      nameStart: UInt32(truncatingIfNeeded: start), nameLength: UInt32(truncatingIfNeeded: colon - start),
      valueStart: UInt32(truncatingIfNeeded: valueStart),
      valueLength: UInt32(truncatingIfNeeded: valueEnd - valueStart),
      name: FieldName.identify(base + start, colon - start))
    count += 1
    return nil
  }
}
