import ModelAPI
import TestRun
import TestSupport
import Testing

/// Several prompts in one request.
@Suite("Lists of prompts", .ownThread) struct PromptListTests {
  private func read(_ text: String, pieces: [Int]? = nil) -> (count: Int, bytes: Int, blocks: [UInt64], Bool)
  {
    let bytes = Array(text.utf8)
    var (prompts, length, isWhole) = (0, 0, false)
    let blocks = [UInt64](unsafeUninitializedCapacity: 64) { room, count in
      var scan = RequestScan(seed: 3, blocks: room.baseAddress, capacity: 64)
      var start = 0
      for piece in pieces ?? [bytes.count] {
        bytes[start..<start + piece].withUnsafeBytes { scan.feed($0) }
        start += piece
      }
      scan.end()
      (prompts, length, isWhole) = (scan.promptCount, scan.promptBytes, scan.isWhole)
      count = scan.blockCount
    }
    return (prompts, length, blocks, isWhole)
  }

  private static let one = String(repeating: "first ", count: 120)
  private static let two = String(repeating: "second ", count: 90)

  @Test(
    "texts and lists of tokens are prompts, all else is one",
    arguments: [
      (#""a""#, 1), (#"["a"]"#, 1), (#"[ "a" , "b","c"]"#, 3), ("[1,2,3]", 1), ("[[1,2],[3],[4,[5]]]", 3),
      ("[]", 1),
      (#"[{"role":"user"},{"role":"user"}]"#, 1), ("null", 1), ("[null]", 1), (#"["a",7,null]"#, 1),
    ])
  func count(_ value: String, _ count: Int) {
    for name in ["prompt", "input", "inputs", "instances"] {
      let reading = read(#"{"\#(name)":\#(value),"n":2}"#)
      #expect(reading.count == count && reading.3, "\(name)")
    }
    #expect(read(#"{"messages":["a","b"]}"#).count == 1)
  }

  @Test("each prompt of a list has the blocks that it has alone")
  func blocks() {
    let both = read(#"{"prompt":["\#(Self.one)", "\#(Self.two)"]}"#)
    let (one, two) = (read(#"{"prompt":"\#(Self.one)"}"#), read(#"{"prompt":["\#(Self.two)"]}"#))
    #expect(both.blocks == one.blocks + two.blocks && !one.blocks.isEmpty && !two.blocks.isEmpty)
    #expect(both.bytes == one.bytes + two.bytes)
  }

  @Test("a list is read the same however it is cut")
  func cut() {
    var random = SeededGenerator(seed: 5)
    for text in [
      #"{"prompt": [ "\#(Self.one)" , ["x", [1]], "\#(Self.two)" ] }"#,
      #"{"prompt": [ {"a": "\#(Self.one)"} , {"b":1} ] }"#, "{\"input\": [  \n 1, 2, 3 ]}",
    ] {
      let whole = read(text)
      for round in 0..<100 {
        var (left, pieces) = (text.utf8.count, [Int]())
        while left > 0 {
          pieces.append(round == 0 ? 1 : Int.random(in: 1...min(left, 40), using: &random))
          left -= pieces.last ?? left
        }
        let again = read(text, pieces: pieces)
        #expect(again.count == whole.count && again.blocks == whole.blocks && again.bytes == whole.bytes)
      }
    }
  }
}
