import JSON
import TestSupport
import TestRun
import Testing

@Suite("JSON scanner", .ownThread) struct ScannerTests {
  @Test("a document is told token by token", arguments: wholeDocuments)
  func whole(document: String, says: String) throws {
    let reading = try Reading(Array(document.utf8))
    #expect(reading.shown == says && reading.isWhole && reading.offset == document.utf8.count)
  }

  @Test("what is not JSON is refused where the fault is", arguments: brokenDocuments)
  func broken(document: String, offset: Int) throws {
    let reading = try Reading(latin1(document))
    #expect(reading.failure == .syntax && reading.offset == offset, "\(reading)")
  }

  @Test("cut in two anywhere, or byte by byte, a document says the same")
  func pieces() throws {
    for bytes in wholeDocuments.map({ Array($0.document.utf8) })
      + brokenDocuments.map({ latin1($0.document) })
    {
      let whole = try Reading(bytes)
      for cut in 0...bytes.count {
        #expect(try Reading(bytes, pieces: [cut, bytes.count - cut]) == whole, "\(bytes) cut at \(cut)")
      }
      #expect(try Reading(oneByOne: bytes) == whole, "\(bytes)")
    }
  }

  @Test("cut off anywhere, a document is not one any more, unless it is a number")
  func prefixes() throws {
    for (document, _) in wholeDocuments {
      let bytes = Array(document.utf8)
      guard let first = bytes.first, "{[\"tfn".utf8.contains(first) else { continue }
      for count in 0..<bytes.count {
        let reading = try Reading(Array(bytes[..<count]))
        #expect(reading.failure == .syntax && reading.offset == count, "\(document) cut at \(count)")
      }
    }
  }

  @Test("every character of the basic plane can be escaped, in either case, but no half of a pair")
  func escapes() throws {
    for isUpper in [false, true] {
      var document = "\""
      var says = "string("
      for value in UInt32(0)...0xFFFF where !(0xD800...0xDFFF).contains(value) {
        let digits = String(value, radix: 16, uppercase: isUpper)
        document += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        says += "<\(String(value, radix: 16))>"
      }
      #expect(try Reading(Array((document + "\"").utf8)).shown == says + ")")
    }
    for value in 0xD800...0xDFFF {
      let reading = try Reading(Array("\"\\u\(String(value, radix: 16))\"".utf8))
      #expect(reading.failure == .syntax && reading.offset == (value < 0xDC00 ? 7 : 6))
    }
  }

  @Test("every byte is found in a string wherever it stands, eight at a time or not")
  func alignment() throws {
    for length in [1, 7, 8, 9, 16, 23, 33] {
      for place in 0..<length {
        for byte in UInt8.min...UInt8.max {
          var bytes = [UInt8](repeating: 0x61, count: length)
          bytes[place] = byte
          let reading = try Reading([0x22] + bytes + [0x22])
          switch byte {
          case 0x22: #expect(reading.offset == place + 2 && !reading.isWhole)
          case 0x5C: #expect(reading.isWhole == false)
          case 0x20..<0x80: #expect(reading.isWhole && reading.text == "string(".utf8 + bytes + ")".utf8)
          case 0xC2...0xF4: #expect(reading.offset == place + 2 && reading.failure == .syntax)
          default: #expect(reading.offset == place + 1 && reading.failure == .syntax)
          }
        }
      }
    }
  }

  @Test("UTF-8 in a string is what Swift holds to be UTF-8, whole and in pieces")
  func utf8() throws {
    var random = SeededGenerator(seed: 8)
    let bytes: [UInt8] = [
      0x61, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF,
      0xF0, 0xF1,
      0xF4, 0xF5,
    ]
    for _ in 0..<20_000 {
      let count = Int.random(in: 1...6, using: &random)
      let text = (0..<count).map { _ in bytes.randomElement(using: &random) ?? 0 }
      let document = [0x22] + text + [0x22]
      let whole = try Reading(document)
      #expect(whole.isWhole == (String(validating: text, as: UTF8.self) != nil), "\(text)")
      #expect(try Reading(oneByOne: document) == whole, "\(text)")
    }
  }

  @Test("every scalar stands for itself in a string")
  func scalars() throws {
    var text = ""
    for value in UInt32(0x20)...0x10FFFF where value != 0x22 && value != 0x5C {
      if let scalar = Unicode.Scalar(value) { text.unicodeScalars.append(scalar) }
    }
    #expect(try Reading(Array("\"\(text)\"".utf8)).text == Array("string(\(text))".utf8))
  }

  @Test("a piece that is used up says whether the document could end there")
  func ends() {
    var scanner = JSONScanner(maximumDepth: 1, maximumBytes: 100)
    func answer(_ text: String, _ expected: [JSONScanner.Token]) {
      let bytes = Array(text.utf8)
      var at = 0
      let answers = bytes.withUnsafeBytes { piece in expected.map { _ in scanner.next(piece, &at) } }
      #expect(answers == expected)
    }
    answer("", [.more])
    answer(" [", [.arrayStart, .more, .more])
    answer("", [.more])
    answer("] ", [.arrayEnd, .end, .end])
    answer("", [.end])
    answer(" ", [.end])
    #expect(scanner.finish() == .end && scanner.offset == 5)
  }

  @Test("a number that stands alone ends with the input")
  func bareNumber() {
    var scanner = JSONScanner(maximumDepth: 0, maximumBytes: 100)
    for digit: [UInt8] in [[0x31], [0x32]] {
      var at = 0
      var tokens: [JSONScanner.Token] = []
      digit.withUnsafeBytes { piece in
        repeat { tokens.append(scanner.next(piece, &at)) } while tokens.last != .more
      }
      #expect(tokens.suffix(2) == [.text(0..<1), .more])
    }
    #expect([scanner.finish(), scanner.finish(), scanner.finish()] == [.numberEnd, .end, .end])
  }

  @Test("what is malformed stays malformed, and nothing more is read of it")
  func staysMalformed() {
    var scanner = JSONScanner(maximumDepth: 1, maximumBytes: 100)
    [UInt8]("x[]".utf8).withUnsafeBytes { piece in
      var at = 0
      for _ in 0..<3 { #expect(scanner.next(piece, &at) == .malformed && at == 0) }
    }
    #expect(scanner.finish() == .malformed && scanner.offset == 0 && scanner.failure == .syntax)
  }

  @Test("a value is passed over, whatever is in it and however it is cut", arguments: [1, 2, 3, 1000])
  func skipping(length: Int) throws {
    let values = [
      "1", "-2.5e3", "true", "null", #""]}\"""#, "[]", "{}", #"[1,[2,{"a":[3]}],"]"]"#,
      #"{"a":{"b":{}},"c":"}"}"#,
    ]
    for value in values {
      let bytes = Array("{\"x\": \(value) ,\"y\":7}".utf8)
      let memory = try GuardedMemory(capacity: bytes.count)
      var scanner = JSONScanner(maximumDepth: 8, maximumBytes: 1000)
      var isSkipping = false
      var names = 0
      var numbers = 0
      for start in stride(from: 0, to: bytes.count, by: length) {
        let part = Array(bytes[start..<min(start + length, bytes.count)])
        let piece = UnsafeRawBufferPointer(start: memory.atEnd(part), count: part.count)
        var at = 0
        var token = JSONScanner.Token.more
        repeat {
          token = isSkipping ? scanner.skip(to: 1, piece, &at) : scanner.next(piece, &at)
          if isSkipping, token != .more { isSkipping = false }
          if token == .nameEnd {
            names += 1
            isSkipping = names == 1
          }
          if token == .numberStart { numbers += 1 }
        } while token != .more && token != .end && token != .malformed
      }
      #expect(scanner.finish() == .end && names == 2 && numbers == 1, "\(value)")
    }
  }

  @Test("who passes over a document finds its end or its fault where a reader does")
  func skippingEverything() throws {
    for bytes in wholeDocuments.map({ Array($0.document.utf8) })
      + brokenDocuments.map({ latin1($0.document) })
    {
      let read = try Reading(bytes)
      let memory = try GuardedMemory(capacity: bytes.count)
      for cut in 0...bytes.count {
        var scanner = JSONScanner(maximumDepth: 64, maximumBytes: .max)
        for part in [Array(bytes[..<cut]), Array(bytes[cut...])] {
          let piece = UnsafeRawBufferPointer(start: memory.atEnd(part), count: part.count)
          var at = 0
          while ![.more, .end, .malformed].contains(scanner.skip(to: 0, piece, &at)) {}
        }
        while ![.end, .malformed].contains(scanner.finish()) {}
        #expect(scanner.failure == read.failure && scanner.offset == read.offset, "\(bytes) cut at \(cut)")
      }
    }
  }

  @Test("an object that has begun is left at its end")
  func leaving() {
    var scanner = JSONScanner(maximumDepth: 8, maximumBytes: 1000)
    [UInt8](#"[{"a":{},"b":[1]},2]"#.utf8).withUnsafeBytes { piece in
      var at = 0
      _ = scanner.next(piece, &at)
      #expect(scanner.next(piece, &at) == .objectStart && scanner.depth == 2)
      #expect(scanner.skip(to: 1, piece, &at) == .objectEnd && scanner.depth == 1 && at == 17)
    }
  }
}
