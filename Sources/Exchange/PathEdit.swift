public import HTTP

/// What a route changes in the path of a request before the backend gets it.
public struct PathEdit: BitwiseCopyable {
  /// What is taken off; begins with a slash and does not end with one, or is empty.
  public let strip: RawBytes
  /// What is put before; the same.
  public let add: RawBytes
  /// Whether nothing is changed.
  public let isEmpty: Bool
  /// What stands in place of the whole path.
  fileprivate let whole: Whole

  /// A path that is put together anew.
  @safe fileprivate struct Whole: BitwiseCopyable {
    let parts: UnsafeMutablePointer<Part>
    let count: Int
  }

  /// A piece of a path that is put together anew.
  public enum Part: BitwiseCopyable {
    /// Some text.
    case text(RawBytes)
    /// What stands between two slashes of the client's path, counted from 0.
    case segment(Int)
  }

  /// The edit of a route. `whole` is what stands in place of the path; empty for the client's.
  public init(strip: String, add: String, whole: [Part] = [], _ arena: Arena) {
    self.strip = arena.bytes(Array(strip.utf8))
    self.add = arena.bytes(Array(add.utf8))
    isEmpty = strip.isEmpty && add.isEmpty && whole.isEmpty
    let parts = unsafe arena.array(of: Part.self, count: whole.count)
    for (place, part) in whole.enumerated() { unsafe (parts + place).initialize(to: part) }
    self.whole = unsafe Whole(parts: parts, count: whole.count)
  }

  /// How much is taken off a path: all of `strip`, where the path is that or goes on with a slash or a query.
  func stripped(_ target: UnsafePointer<UInt8>, _ count: Int) -> Int? {
    guard count >= strip.count else { return nil }
    for i in 0..<strip.count where unsafe target[i] != strip.start[i] { return nil }
    guard count > strip.count else { return strip.count }
    let next = unsafe target[strip.count]
    return next == 0x2F || next == 0x3F ? strip.count : nil
  }
}

extension Desk {
  /// Writes the target of the request that was read last, its path edited; one without a path has the root.
  public func writePath(_ out: inout HeadWriter, _ base: UnsafePointer<UInt8>, _ edit: PathEdit) {
    let target = unsafe base + request.targetStart
    let count = request.targetLength
    if edit.whole.count > 0 {
      for place in 0..<edit.whole.count {
        switch unsafe edit.whole.parts[place] {
        case .text(let text): unsafe out.append(text.start, text.count)
        case .segment(let number): unsafe writeSegment(&out, base, number)
        }
      }
      let length = unsafe request.pathLength(base)
      return unsafe out.append(target + length, count - length)
    }
    if unsafe count == 0 || target[0] == 0x3F {
      unsafe out.append(edit.add.start, edit.add.count)
      out.append("/")
    }
    guard count > 0 else { return }
    if edit.isEmpty {
      unsafe out.append(target, count)
    } else {
      unsafe writeTarget(&out, target, count, edit)
    }
  }

  /// Writes what stands between two slashes of the path that the request means.
  public func writeSegment(_ out: inout HeadWriter, _ base: UnsafePointer<UInt8>, _ number: Int) {
    let target = unsafe base + request.targetStart
    let (length, isPlain) = unsafe MatchedPath.scan(target, request.targetLength)
    if isPlain { return unsafe writeSegment(&out, of: target, length, number) }
    guard scratchSize - out.count > 2 * length else { return }
    let meant = unsafe scratch + (scratchSize - length)
    let size = unsafe MatchedPath.write(target, length, into: meant)
    unsafe writeSegment(&out, of: meant, size, number)
  }

  private func writeSegment(
    _ out: inout HeadWriter, of path: UnsafePointer<UInt8>, _ count: Int, _ number: Int
  ) {
    var (at, seen) = (0, -1)
    while at < count {
      if unsafe path[at] == 0x2F { seen += 1 }
      at += 1
      guard seen == number else { continue }
      var end = at
      while end < count, unsafe path[end] != 0x2F { end += 1 }
      return unsafe out.append(path + at, end - at)
    }
  }

  /// Writes a target with its path edited. A path that means something else than it says goes out as what it
  /// means: dot segments must not lead out of what is left of it.
  func writeTarget(
    _ out: inout HeadWriter, _ target: UnsafePointer<UInt8>, _ count: Int, _ edit: PathEdit
  ) {
    guard unsafe target[0] == 0x2F else { return unsafe out.append(target, count) }
    unsafe out.append(edit.add.start, edit.add.count)
    let (length, isPlain) = unsafe MatchedPath.scan(target, count)
    if isPlain, let taken = unsafe edit.stripped(target, count) {
      return unsafe writeRest(&out, target + taken, count - taken)
    }
    // The far end of the scratch is free as long as the head and the path fit twice.
    guard scratchSize - out.count > 2 * length else { return unsafe out.append(target, count) }
    let meant = unsafe scratch + (scratchSize - length)
    let size = unsafe MatchedPath.write(target, length, into: meant)
    guard let taken = unsafe edit.stripped(meant, size) else { return unsafe out.append(target, count) }
    unsafe writeRest(&out, meant + taken, size - taken)
    unsafe out.append(target + length, count - length)
  }

  private func writeRest(_ out: inout HeadWriter, _ rest: UnsafePointer<UInt8>, _ count: Int) {
    if unsafe count == 0 || rest[0] != 0x2F { out.append("/") }
    unsafe out.append(rest, count)
  }
}
