import JSON
import TestSupport
import TestRun
import Testing

@Suite("Bounds of the JSON scanner", .ownThread) struct BoundsTests {
  private func nested(_ levels: Int) -> [UInt8] {
    let opening = (0..<levels).map { $0 % 3 == 1 ? #"{"":"# : "[" }
    let closing = (0..<levels).reversed().map { $0 % 3 == 1 ? "}" : "]" }
    let innermost = levels % 3 == 2 ? "0" : ""
    return Array((opening.joined() + innermost + closing.joined()).utf8)
  }

  @Test("so many levels are followed as are allowed", arguments: [0, 1, 2, 63, 64, 65, 127, 128])
  func depth(levels: Int) throws {
    #expect(try Reading(levels == 0 ? [0x30] : nested(levels), maximumDepth: levels).isWhole)
    let deeper = try Reading(nested(levels + 1), maximumDepth: levels)
    #expect(deeper.failure == .tooDeep)
    #expect(try Reading(oneByOne: nested(levels + 1), maximumDepth: levels) == deeper)
  }

  @Test("more levels than there are bits are never allowed")
  func mostLevels() throws {
    #expect(try Reading(nested(JSONScanner.maximumDepth), maximumDepth: .max).isWhole)
    #expect(try Reading(nested(JSONScanner.maximumDepth + 1), maximumDepth: .max).failure == .tooDeep)
    #expect(try Reading([0x5B, 0x5D], maximumDepth: -1).failure == .tooDeep)
  }

  @Test("on every level only its own bracket closes")
  func brackets() throws {
    let whole = nested(JSONScanner.maximumDepth)
    for place in whole.indices where whole[place] == 0x5D || whole[place] == 0x7D {
      var bytes = whole
      bytes[place] ^= 0x20
      let reading = try Reading(bytes, maximumDepth: JSONScanner.maximumDepth)
      #expect(reading.failure == .syntax && reading.offset == place)
    }
  }

  @Test("one byte more than allowed is refused, whatever it is")
  func length() throws {
    for (document, _) in wholeDocuments {
      let bytes = Array(document.utf8)
      #expect(try Reading(bytes, maximumBytes: bytes.count).isWhole)
      for shorter in 0..<bytes.count {
        let reading = try Reading(bytes, maximumBytes: shorter)
        #expect(reading.failure == .tooLong && reading.offset == shorter, "\(document) in \(shorter)")
        #expect(try Reading(oneByOne: bytes, maximumBytes: shorter) == reading, "\(document) in \(shorter)")
      }
      let longer = try Reading(bytes + [0x20], maximumBytes: bytes.count)
      #expect(longer.failure == .tooLong && longer.offset == bytes.count)
    }
  }

  @Test("no length at all is allowed by a bound below none")
  func negative() throws {
    #expect(try Reading([0x30], maximumBytes: -1).failure == .tooLong)
  }
}
