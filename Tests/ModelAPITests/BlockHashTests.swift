import ModelAPI
import TestSupport
import TestRun
import Testing

@Suite("Hashes of prompts", .ownThread) struct BlockHashTests {
  private static func text(_ count: Int) -> String {
    String(decoding: (0..<count).map { UInt8(0x61 + $0 % 23) }, as: UTF8.self)
  }

  private func blocks(_ prompt: String, seed: UInt64 = 1, capacity: Int = 64) throws -> [UInt64] {
    try RequestReading(#"{"prompt":"\#(prompt)"}"#, seed: seed, capacity: capacity).blocks
  }

  @Test(
    "the prompt is the values that the model reads, quotes and brackets included",
    arguments: [
      ("{}", 0), (#"{"prompt":"abc"}"#, 5), (#"{"prompt" : "a\n" , "x":"y"}"#, 5),
      (#"{"input":["a", 1]}"#, 4),
      (#"{"messages":[{"a":1}],"tools":[]}"#, 11), (#"{"system":"s","instructions":"i"}"#, 6),
      (#"{"prompt":null,"input":7}"#, 0), (#"{"suffix":"abc"}"#, 0), (#"{"text":"abc"}"#, 5),
      (#"{"text":{"format":1}}"#, 0), (#"{"x":{"prompt":"abc"}}"#, 0), (#"{"prompt":"ab"#, 3),
    ])
  func length(_ text: String, _ count: Int) throws {
    #expect(try RequestReading(text).promptBytes == count)
  }

  @Test("each full block has a hash, none is told twice")
  func count() throws {
    for count in [0, 253, 254, 255, 509, 510, 511, 5000] {
      let found = try blocks(Self.text(count))
      #expect(found.count == (count + 2) / RequestScan.blockBytes && Set(found).count == found.count)
    }
    #expect(Set(try blocks(String(repeating: "a", count: 5000))).count == 19)
  }

  @Test("equal beginnings give equal hashes, whatever follows and wherever they stand")
  func prefixes() throws {
    let long = try blocks(Self.text(2000))
    #expect(try blocks(Self.text(1000)) == Array(long.prefix(3)))
    #expect(try RequestReading(#"{"a":[1],  "prompt":  "\#(Self.text(2000))"}"#, seed: 1).blocks == long)
    let turn = #"{"messages":[{"role":"user","content":"\#(Self.text(600))"}"#
    let one = try RequestReading(turn + "]}")
    let two = try RequestReading(turn + #",{"role":"assistant","content":"x"}]}"#)
    #expect(one.blocks == two.blocks && one.blocks.count == 2)
  }

  @Test("a difference in a block changes its hash and all behind it, and none before")
  func differences() throws {
    let same = Array(Self.text(2000).utf8)
    let hashes = try blocks(String(decoding: same, as: UTF8.self))
    for place in stride(from: 0, to: hashes.count * RequestScan.blockBytes - 1, by: 13) {
      var other = same
      other[place] = UInt8(ascii: "!")
      let changed = try blocks(String(decoding: other, as: UTF8.self))
      let block = (place + 1) / RequestScan.blockBytes
      #expect(changed.prefix(block) == hashes.prefix(block))
      for index in block..<hashes.count { #expect(changed[index] != hashes[index]) }
    }
  }

  @Test("another seed gives other hashes")
  func seeds() throws {
    let one = try blocks(Self.text(2000), seed: 1)
    let two = try blocks(Self.text(2000), seed: 2)
    #expect(Set(one).isDisjoint(with: two) && one.count == two.count)
  }

  @Test("beyond the room only bytes are counted, and nothing is written")
  func room() throws {
    let all = try blocks(Self.text(2000))
    for capacity in 0...8 {
      let reading = try RequestReading(#"{"prompt":"\#(Self.text(2000))"}"#, seed: 1, capacity: capacity)
      #expect(reading.blocks == Array(all.prefix(capacity)) && reading.promptBytes == 2002)
    }
  }

  @Test("every bit of a hash is as often set as not")
  func mixing() throws {
    let hashes = try (0..<200).flatMap { try blocks("\($0)" + Self.text(2000)) }
    for bit in 0..<64 {
      let share = Double(hashes.count { $0 >> UInt64(bit) & 1 == 1 }) / Double(hashes.count)
      #expect((0.4...0.6).contains(share), "bit \(bit): \(share)")
    }
  }

  @Test("long text is hashed alike however it is cut")
  func pieces() throws {
    var random = SeededGenerator(seed: 3)
    let bytes = Array(
      #"{"system":"\#(Self.text(777))","messages":["\#(Self.text(70_000))é\n"],"model":"m"}"#.utf8)
    let whole = try RequestReading(bytes, pieces: [bytes.count], capacity: 512)
    #expect(whole.isWhole && whole.blocks.count == whole.promptBytes / RequestScan.blockBytes)
    for _ in 0..<3 {
      #expect(
        try RequestReading(bytes, pieces: randomPieces(bytes.count, &random), capacity: 512) == whole)
    }
    let ones = [Int](repeating: 1, count: bytes.count)
    #expect(try RequestReading(bytes, pieces: ones, capacity: 512) == whole)
  }
}
