/// Bytes that somebody else owns.
@safe public struct RawBytes: BitwiseCopyable {
  /// Where they begin.
  public let start: UnsafeMutablePointer<UInt8>
  /// How many there are.
  public let count: Int
}

/// A few names, without regard to letter case; `_` and `-` are the same, as many servers take them.
@safe public struct NameList: BitwiseCopyable {
  private let names: UnsafeMutablePointer<RawBytes>
  /// How many there are.
  public let count: Int

  /// Copies names, lower-cased, into an arena.
  public init(_ all: [String], _ arena: Arena) {
    unsafe names = unsafe arena.array(of: RawBytes.self, count: all.count)
    count = all.count
    for (i, name) in all.enumerated() {
      unsafe (names + i).initialize(to: arena.bytes(name.lowercased().utf8.map { $0 == 0x5F ? 0x2D : $0 }))
    }
  }

  /// Whether a name is one of them, in any letter case.
  @inline(__always)
  public func contains(_ name: UnsafePointer<UInt8>, _ length: Int) -> Bool {
    unsafe count == 0 ? false : search(name, length)
  }

  private func search(_ name: UnsafePointer<UInt8>, _ length: Int) -> Bool {
    for i in 0..<count where unsafe names[i].count == length {
      var same = true
      for j in 0..<length {
        let c = unsafe name[j] >= 0x41 && name[j] <= 0x5A ? name[j] | 0x20 : name[j]
        if unsafe (c == 0x5F ? 0x2D : c) != names[i].start[j] {
          same = false
          break
        }
      }
      if same { return true }
    }
    return false
  }
}

/// Memory that lives as long as the arena.
@safe public final class Arena {
  private var blocks: [UnsafeMutableRawPointer] = unsafe []

  /// An empty one.
  public init() {}

  deinit { unsafe blocks.forEach { block in unsafe block.deallocate() } }

  /// Room for some values, not initialised.
  public func array<T: BitwiseCopyable>(of type: T.Type, count: Int) -> UnsafeMutablePointer<T> {
    let size = max(1, count) * MemoryLayout<T>.stride
    let block = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: MemoryLayout<T>.alignment)
    unsafe blocks.append(block)
    return unsafe block.bindMemory(to: T.self, capacity: max(1, count))
  }

  /// A copy of a value.
  public func value<T: BitwiseCopyable>(_ value: T) -> UnsafeMutablePointer<T> {
    let place = unsafe array(of: T.self, count: 1)
    unsafe place.initialize(to: value)
    return unsafe place
  }

  /// A copy of some bytes.
  public func bytes(_ content: [UInt8]) -> RawBytes {
    let copy = unsafe array(of: UInt8.self, count: content.count)
    for (i, byte) in content.enumerated() { unsafe copy[i] = byte }
    return unsafe RawBytes(start: copy, count: content.count)
  }
}
