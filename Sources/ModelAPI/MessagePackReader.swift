/// Reads MessagePack from the front, a value at a time, and keeps nothing that it passes over.
public struct MessagePackReader {
  /// The deepest nesting that is passed over.
  public static let maximumDepth = 16

  private let bytes: ArraySlice<UInt8>
  private var at: Int

  /// From the first of these bytes on.
  public init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    at = bytes.startIndex
  }

  /// Whether all has been read.
  public var isAtEnd: Bool { at == bytes.endIndex }

  private var next: UInt8? { at < bytes.endIndex ? bytes[at] : nil }

  private mutating func number(_ count: Int) -> UInt64? {
    guard bytes.endIndex - at > count else { return nil }
    let value = bytes[at + 1...at + count].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    at += 1 + count
    return value
  }

  /// How many elements the list that begins here has; nil when none does.
  public mutating func list() -> Int? {
    guard let byte = next else { return nil }
    switch byte {
    case 0x90...0x9F:
      at += 1
      return Int(byte & 0x0F)
    case 0xDC: return number(2).map { Int($0) }
    case 0xDD: return number(4).map { Int($0) }
    default: return nil
    }
  }

  /// How many pairs the map that begins here has; nil when none does.
  public mutating func map() -> Int? {
    guard let byte = next else { return nil }
    switch byte {
    case 0x80...0x8F:
      at += 1
      return Int(byte & 0x0F)
    case 0xDE: return number(2).map { Int($0) }
    case 0xDF: return number(4).map { Int($0) }
    default: return nil
    }
  }

  /// The whole number here, its bits where it is negative; nil when there is none.
  public mutating func integer() -> UInt64? {
    guard let byte = next else { return nil }
    switch byte {
    case 0x00...0x7F, 0xE0...0xFF:
      at += 1
      return UInt64(bitPattern: Int64(Int8(bitPattern: byte)))
    case 0xCC: return number(1)
    case 0xCD: return number(2)
    case 0xCE: return number(4)
    case 0xCF, 0xD3: return number(8)
    case 0xD0: return number(1).map { UInt64(bitPattern: Int64(Int8(truncatingIfNeeded: $0))) }
    case 0xD1: return number(2).map { UInt64(bitPattern: Int64(Int16(truncatingIfNeeded: $0))) }
    case 0xD2: return number(4).map { UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: $0))) }
    default: return nil
    }
  }

  /// The text, or the bytes, here; nil when there are none.
  public mutating func text() -> ArraySlice<UInt8>? {
    guard let byte = next else { return nil }
    let start = at
    let count: UInt64?
    switch byte {
    case 0xA0...0xBF:
      at += 1
      count = UInt64(byte & 0x1F)
    case 0xC4, 0xD9: count = number(1)
    case 0xC5, 0xDA: count = number(2)
    case 0xC6, 0xDB: count = number(4)
    default: return nil
    }
    guard let count, count <= UInt64(bytes.endIndex - at) else {
      at = start
      return nil
    }
    defer { at += Int(count) }
    return bytes[at..<at + Int(count)]
  }

  /// Whether nothing, nil, stands here; it is passed over then.
  public mutating func null() -> Bool {
    guard next == 0xC0 else { return false }
    at += 1
    return true
  }

  /// Passes a value over, whatever it is. False when it is not whole, or too deep.
  public mutating func skip() -> Bool {
    // Values still to be passed over at each depth.
    var left = [1]
    while let last = left.last {
      if last == 0 {
        left.removeLast()
        continue
      }
      left[left.count - 1] -= 1
      if integer() != nil || text() != nil || null() { continue }
      if let count = list() ?? map().map({ $0 * 2 }) {
        guard left.count < Self.maximumDepth else { return false }
        left.append(count)
        continue
      }
      guard let byte = next else { return false }
      let size: Int
      switch byte {
      case 0xC2, 0xC3: size = 1
      case 0xCA: size = 5
      case 0xCB: size = 9
      case 0xD4...0xD8: size = 2 + 1 << Int(byte - 0xD4)
      case 0xC7...0xC9:
        var head = self
        guard let count = head.number(1 << Int(byte - 0xC7)) else { return false }
        size = 2 + 1 << Int(byte - 0xC7) + Int(count)
      default: return false
      }
      guard bytes.endIndex - at >= size else { return false }
      at += size
    }
    return true
  }
}
