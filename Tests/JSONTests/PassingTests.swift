import JSON
import TestSupport
import TestRun
import Testing

/// What there is to know of a reading: names and strings at all levels, where it ended and why.
private struct Names: Equatable {
  var text: [UInt8] = []
  var offset = 0
  var failure: JSONScanner.Failure?

  /// Reads in pieces; `takesWhole` asks for names and strings at once first, wherever that may be.
  init(_ bytes: [UInt8], pieces: [Int], takesWhole: Bool, maximumBytes: Int = .max) throws {
    let memory = try GuardedMemory(capacity: bytes.count)
    var scanner = JSONScanner(maximumDepth: 8, maximumBytes: maximumBytes)
    var start = 0
    for length in pieces {
      let part = Array(bytes[start..<start + length])
      let piece = UnsafeRawBufferPointer(start: memory.atEnd(part), count: length)
      var at = 0
      while true {
        if takesWhole, let run = scanner.wholeName(piece, &at) ?? scanner.wholeString(piece, &at) {
          text += Array("<".utf8) + piece[run] + Array(">".utf8)
          continue
        }
        let token = scanner.next(piece, &at)
        if token == .more || token == .end || token == .malformed { break }
        switch token {
        case .text(let run): text += piece[run]
        case .scalar(let value): text += "\\\(value)".utf8
        case .nameStart, .stringStart: text.append(UInt8(ascii: "<"))
        case .nameEnd, .stringEnd: text.append(UInt8(ascii: ">"))
        case .numberStart, .numberEnd: text.append(UInt8(ascii: "#"))
        default: text += "\(token)".utf8
        }
      }
      start += length
    }
    var token = scanner.finish()
    while token != .end, token != .malformed { token = scanner.finish() }
    (offset, failure) = (scanner.offset, scanner.failure)
  }
}

@Suite("Names and strings taken at once", .ownThread) struct PassingTests {
  @Test("they are those that tokens tell, whole and in pieces, and faults stand where they stood")
  func same() throws {
    var random = SeededGenerator(seed: 11)
    var documents =
      wholeDocuments.map { Array($0.document.utf8) } + brokenDocuments.map { latin1($0.document) }
    for _ in 0..<300 {
      let document = RandomDocument.make(&random)
      documents += [document, RandomDocument.changed(document, &random)]
    }
    for bytes in documents {
      let slow = try Names(bytes, pieces: [bytes.count], takesWhole: false)
      #expect(try Names(bytes, pieces: [bytes.count], takesWhole: true) == slow, "\(bytes)")
      let pieces = RandomDocument.pieces(of: bytes.count, &random)
      #expect(try Names(bytes, pieces: pieces, takesWhole: true) == slow, "\(bytes)")
    }
  }

  @Test("a document's longest length holds for them too")
  func length() throws {
    let bytes = Array(#"{"name" :1,"string":"abc","n":[12,true]}"#.utf8)
    for limit in 0...bytes.count {
      let slow = try Names(bytes, pieces: [bytes.count], takesWhole: false, maximumBytes: limit)
      #expect(try Names(bytes, pieces: [bytes.count], takesWhole: true, maximumBytes: limit) == slow)
      #expect((slow.failure == .tooLong) == (limit < bytes.count))
    }
  }

  @Test(
    "where none comes as a whole, nothing is read",
    arguments: ["", "{", "1", #""a""#, #"{"a"#, #"{"a""#, #"{"a\n":1}"#])
  func none(_ text: String) {
    Array(text.utf8).withUnsafeBytes { piece in
      var scanner = JSONScanner(maximumDepth: 8, maximumBytes: .max)
      var at = 0
      if text.first == "{" { _ = scanner.next(piece, &at) }
      let before = at
      #expect(scanner.wholeName(piece, &at) == nil && at == before && scanner.offset == before)
    }
  }
}
