import ModelAPI
import TestRun
import TestSupport
import Testing

/// Writes MessagePack, as far as tests need it.
enum Packed {
  static func list(_ elements: [UInt8]...) -> [UInt8] {
    [0x90 | UInt8(elements.count)] + elements.flatMap { $0 }
  }
  static func text(_ text: String) -> [UInt8] { [0xA0 | UInt8(text.utf8.count)] + Array(text.utf8) }
  static func number(_ value: UInt64) -> [UInt8] {
    [0xCF] + (0..<8).map { UInt8(truncatingIfNeeded: value >> ((7 - $0) * 8)) }
  }
  static let null: [UInt8] = [0xC0]
  static let time: [UInt8] = [0xCB, 0x41, 0xD9, 0, 0, 0, 0, 0, 0]
}

@Suite("What engines tell of their caches", .ownThread) struct CacheEventTests {
  private func read(_ events: [UInt8]...) -> [CacheEvent]? {
    let all = [0x90 | UInt8(events.count)] + events.flatMap { $0 }
    return CacheEvent.read(Packed.list(Packed.time, all, [0])[...])
  }

  @Test("blocks that come and go are read from lists and from maps, by numbers and by hashes")
  func events() {
    let stored = Packed.list(
      Packed.text("BlockStored"), Packed.list(Packed.number(.max), [7]), Packed.number(5),
      Packed.list([1], [2], [3], [4]), [2], Packed.null, Packed.text("GPU"), Packed.null)
    #expect(read(stored) == [.stored(blocks: [.max, 7], parent: 5, tokens: 4)])
    var byMap: [UInt8] = [0x84]
    byMap += Packed.text("type") + Packed.text("BlockStored")
    byMap += Packed.text("block_hashes") + Packed.list([0xD3] + [UInt8](repeating: 0xFF, count: 8))
    byMap += Packed.text("parent_block_hash") + Packed.null
    byMap += Packed.text("block_size") + [16]
    #expect(read(byMap) == [.stored(blocks: [.max], parent: nil, tokens: 16)])
    let byHash = Packed.list(Packed.text("BlockRemoved"), Packed.list([0xC4, 2, 1, 2], [0xC4, 2, 1, 3]))
    guard case .removed(let hashes)? = read(byHash)?.first else { return #expect(Bool(false)) }
    #expect(hashes.count == 2 && hashes[0] != hashes[1])
    #expect(read(Packed.list(Packed.text("AllBlocksCleared")), stored)?.first == .cleared)
  }

  @Test("what is told of other memory than the engine's own, or is not known, is passed over")
  func others() {
    let elsewhere = Packed.list(Packed.text("BlockRemoved"), Packed.list([7]), Packed.text("CPU"))
    let unknown = Packed.list(Packed.text("BlockMoved"), [0x81, 0xA1, 0x61, 0xC3], [0xD4, 1, 2])
    #expect(read(elsewhere, unknown, Packed.list(Packed.text("AllBlocksCleared"))) == [.cleared])
  }

  private static let wrong: [[UInt8]] = [
    [], [0x90], [0x92, 0x00], Packed.list(Packed.time, [0x07]),
    Packed.list(Packed.time, [0xDD, 0xFF, 0xFF, 0xFF, 0xFF]),
    Packed.list(Packed.time, Packed.list([0x90])),
    Packed.list(Packed.time, Packed.list(Packed.list([0x07]))),
    Packed.list(
      Packed.time, Packed.list(Packed.list(Packed.text("BlockRemoved"), [0xDD, 0x7F, 0xFF, 0xFF, 0xFF]))),
    [UInt8](repeating: 0x91, count: 100),
  ]

  @Test("what is no message of events is none", arguments: wrong)
  func nothing(_ bytes: [UInt8]) { #expect(CacheEvent.read(bytes[...]) == nil) }

  @Test("whatever the bytes are, reading them ends", arguments: 0..<10 as Range<UInt64>)
  func hostile(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let whole = Packed.list(
      Packed.time,
      Packed.list(
        Packed.list(
          Packed.text("BlockStored"), Packed.list([7], [8]), Packed.null, Packed.list([1], [2]), [1])), [0])
    for _ in 0..<500 {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: .min ... .max, using: &random)
      }
      _ = CacheEvent.read(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))
    }
  }
}
