internal import HTTP

/// What a route changes in the path of a request before the backend gets it.
public struct PathEdit: BitwiseCopyable {
  /// What is taken off; begins with a slash and does not end with one, or is empty.
  public let strip: RawBytes
  /// What is put before; the same.
  public let add: RawBytes

  /// The edit of a route.
  public init(strip: String, add: String, _ arena: Arena) {
    self.strip = arena.bytes(Array(strip.utf8))
    self.add = arena.bytes(Array(add.utf8))
  }

  /// Whether nothing is changed.
  @inline(__always)
  public var isEmpty: Bool { strip.count == 0 && add.count == 0 }

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
