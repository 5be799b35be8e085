/// What the hashes of this module are made of.
enum Mixing {
  /// Both halves of a product, folded into one.
  @inline(__always)
  static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return product.high ^ product.low
  }

  /// One of the keys that a seed stands for (the output function of SplitMix64).
  static func key(_ seed: UInt64, _ number: UInt64) -> UInt64 {
    var z = seed &+ number &* 0x9E37_79B9_7F4A_7C15
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
}

/// A keyed hash of one short text that comes in pieces; eight bytes a step.
struct TextHash: BitwiseCopyable {
  /// Text behind that many bytes does not count: a name of a session is short.
  static let maximumBytes = 1024

  private let key: UInt64
  private var state: UInt64
  private var word: UInt64 = 0
  private var count = 0

  /// The hash of no text, under a seed.
  init(seed: UInt64) {
    key = Mixing.key(seed, 5)
    state = Mixing.key(seed, 6)
  }

  /// Takes in the next bytes.
  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    for index in 0..<min(bytes.count, Self.maximumBytes - count) {
      word |= unsafe UInt64(bytes[index]) << UInt64(truncatingIfNeeded: count % 8 * 8)
      count += 1
      if count % 8 == 0 {
        state = Mixing.fold(state ^ word, key)
        word = 0
      }
    }
  }

  /// The hash of what has come.
  var value: UInt64 { Mixing.fold(Mixing.fold(state ^ word, key) ^ UInt64(count), key) }
}
