/// Hashes text in blocks of a fixed size, each hash standing for its block and all before it.
///
/// Equal beginnings give equal hashes, however the text was cut. The hash is ours: two lanes of 64-bit multiplications whose
/// halves are folded, 32 bytes a step, under four keys that are made of the seed. It is no cryptographic hash; one who does
/// not know the seed cannot aim at a collision.
@safe struct BlockHasher: BitwiseCopyable {
  /// A block, in bytes.
  static let blockBytes = 256
  /// What one step takes in, in bytes.
  private static let stepBytes = 32

  private let blocks: UnsafeMutablePointer<UInt64>?
  private let capacity: Int
  private let keys: (UInt64, UInt64, UInt64, UInt64)
  /// Blocks that have been hashed.
  private(set) var count = 0
  /// Bytes that have been taken in, hashed or not, since the text began.
  private(set) var total = 0
  /// Bytes of texts before it.
  private(set) var before = 0
  private var lanes: (UInt64, UInt64)
  /// Bytes behind the last step, `total % stepBytes` of them, the first one lowest.
  private var rest = InlineArray<4, UInt64>(repeating: 0)

  /// Writes up to `capacity` hashes to lent memory, which MUST outlive all calls of `add`.
  init(seed: UInt64, blocks: UnsafeMutablePointer<UInt64>?, capacity: Int) {
    unsafe self.blocks = blocks
    self.capacity = unsafe (blocks == nil) ? 0 : max(capacity, 0)
    keys = (Mixing.key(seed, 1), Mixing.key(seed, 2), Mixing.key(seed, 3), Mixing.key(seed, 4))
    lanes = (keys.2, keys.3)
  }

  /// Another text begins: its blocks are those that it has alone.
  mutating func restart() {
    before += total
    total = 0
    lanes = (keys.2, keys.3)
  }

  /// Takes in the next bytes of the text.
  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count > 0 else { return }
    guard count < capacity else {
      total += bytes.count
      return
    }
    var at = 0
    while total % Self.stepBytes != 0, at < bytes.count {
      unsafe put(bytes[at])
      at += 1
    }
    while bytes.count - at >= Self.stepBytes, count < capacity {
      let steps = min(bytes.count - at, Self.blockBytes - total % Self.blockBytes) / Self.stepBytes
      unsafe step(bytes, at, steps)
      at += steps * Self.stepBytes
    }
    while at < bytes.count, count < capacity {
      unsafe put(bytes[at])
      at += 1
    }
    total += bytes.count - at
  }

  /// One byte, where a step is not whole.
  private mutating func put(_ byte: UInt8) {
    let place = total % Self.stepBytes
    let shifted = UInt64(byte) << UInt64(truncatingIfNeeded: place % 8 * 8)
    rest[place / 8] = place % 8 == 0 ? shifted : rest[place / 8] | shifted
    total += 1
    guard total % Self.stepBytes == 0 else { return }
    lanes.0 = Mixing.fold(rest[0] ^ keys.0, rest[1] ^ lanes.0)
    lanes.1 = Mixing.fold(rest[2] ^ keys.1, rest[3] ^ lanes.1)
    if total % Self.blockBytes == 0 { endBlock() }
  }

  /// Whole steps within one block.
  private mutating func step(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ steps: Int) {
    var (a, b) = lanes
    var at = start
    for _ in 0..<steps {
      a = Mixing.fold(unsafe Self.word(bytes, at) ^ keys.0, unsafe Self.word(bytes, at + 8) ^ a)
      b = Mixing.fold(unsafe Self.word(bytes, at + 16) ^ keys.1, unsafe Self.word(bytes, at + 24) ^ b)
      at += Self.stepBytes
    }
    lanes = (a, b)
    total += steps * Self.stepBytes
    if total % Self.blockBytes == 0 { endBlock() }
  }

  private mutating func endBlock() {
    let hash = Mixing.fold(lanes.0 ^ keys.2, lanes.1 ^ keys.3) ^ lanes.0
    if let blocks = unsafe blocks, count < capacity {
      unsafe blocks[count] = hash
      count += 1
    }
    lanes = (hash ^ keys.2, hash &+ keys.3)
  }

  @inline(__always)
  private static func word(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> UInt64 {
    unsafe UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
  }
}
