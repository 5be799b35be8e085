import ModelAPI
import TestSupport

/// What a scan says of a request, all of it.
struct RequestReading: Equatable {
  var model = ModelName.none
  var name = ""
  var place: Range<Int>?
  var stream: Bool?
  var tokenLimit: Int?
  var choices: Int?
  var includesUsage = false
  var edit: UsageEdit?
  var session: UInt64?
  var promptBytes = 0
  var blocks: [UInt64] = []
  var fault: RequestFault?
  var isWhole = false

  /// Hashes that a reading has room for.
  static let capacity = 64
  static let seed: UInt64 = 0x5EED

  /// Reads content in pieces, each at the end of readable memory.
  init(
    _ bytes: [UInt8], pieces: [Int], seed: UInt64 = Self.seed, capacity: Int = Self.capacity
  ) throws {
    let memory = try GuardedMemory(capacity: bytes.count)
    blocks = [UInt64](unsafeUninitializedCapacity: capacity) { room, count in
      var scan = RequestScan(seed: seed, blocks: room.baseAddress, capacity: capacity)
      var start = 0
      for length in pieces {
        let piece = Array(bytes[start..<start + length])
        scan.feed(UnsafeRawBufferPointer(start: memory.atEnd(piece), count: length))
        start += length
      }
      scan.end()
      take(scan)
      count = scan.blockCount
    }
  }

  /// Reads content as a whole.
  init(_ text: String, seed: UInt64 = Self.seed, capacity: Int = Self.capacity) throws {
    try self.init(Array(text.utf8), pieces: [text.utf8.count], seed: seed, capacity: capacity)
  }

  /// Reads a form in pieces.
  init(form bytes: [UInt8], boundary: String, pieces: [Int]) throws {
    let memory = try GuardedMemory(capacity: bytes.count)
    guard var scan = Array(boundary.utf8).withUnsafeBytes({ RequestScan(boundary: $0) }) else { return }
    var start = 0
    for length in pieces {
      let piece = Array(bytes[start..<start + length])
      scan.feed(UnsafeRawBufferPointer(start: memory.atEnd(piece), count: length))
      start += length
    }
    scan.end()
    take(scan)
  }

  private mutating func take(_ scan: RequestScan) {
    model = scan.model
    name = scan.withModelName { String(decoding: $0, as: UTF8.self) }
    place = scan.modelPlace
    stream = scan.stream
    tokenLimit = scan.tokenLimit
    choices = scan.choices
    includesUsage = scan.includesUsage
    edit = scan.usageEdit
    session = scan.sessionHash
    promptBytes = scan.promptBytes
    fault = scan.fault
    isWhole = scan.isWhole
  }
}

/// Some ways to cut so many bytes: at one place each, byte by byte, in fives.
func cuts(_ count: Int) -> [[Int]] {
  (0...count).map { [$0, count - $0] } + [
    [Int](repeating: 1, count: count),
    [Int](repeating: 5, count: count / 5) + [count % 5],
  ]
}

/// Random pieces of so many bytes.
func randomPieces(_ count: Int, _ random: inout SeededGenerator) -> [Int] {
  var (left, pieces) = (count, [Int]())
  while left > 0 {
    pieces.append(Int.random(in: 1...min(left, 40), using: &random))
    left -= pieces.last ?? left
  }
  return pieces
}

/// The same with a few bytes changed, left out, doubled or cut off.
func mutated(_ bytes: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
  var bytes = bytes
  for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
    let at = Int.random(in: bytes.indices, using: &random)
    switch random.next() % 6 {
    case 0: bytes[at] = UInt8(truncatingIfNeeded: random.next())
    case 1: bytes[at] ^= 1 << UInt8(random.next() % 8)
    case 2: bytes.remove(at: at)
    case 3: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 20)], at: at)
    case 4:
      bytes[at] = Array("\"\\{}[]:,\r\n-0".utf8).randomElement(using: &random) ?? 0
    default: bytes.removeSubrange(at...)
    }
  }
  return bytes
}
