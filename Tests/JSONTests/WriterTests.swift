import JSON
import TestSupport
import TestRun
import Testing

@Suite("JSON writer", .ownThread) struct WriterTests {
  private func document(_ out: inout JSONWriter) {
    out.object {
      $0.member("text", "a\"b")
      $0.member("number", -1)
      $0.member("flag", true)
      $0.member("list", ["x", "y"])
      $0.array("empty") { _ in }
      $0.object("inner") {
        $0.name("nothing")
        $0.null()
        $0.object("none") { _ in }
      }
      $0.name("given")
      $0.raw("[1]")
    }
  }

  @Test("a document is written on one line, in the order in which it is told")
  func line() {
    #expect(
      JSONWriter.text(.line, document)
        == #"{"text":"a\"b","number":-1,"flag":true,"list":["x","y"],"empty":[],"#
        + #""inner":{"nothing":null,"none":{}},"given":[1]}"#)
  }

  @Test("indented, every member and element has its line")
  func indented() {
    #expect(
      JSONWriter.text(.indented, document) == #"""
        {
          "text": "a\"b",
          "number": -1,
          "flag": true,
          "list": [
            "x",
            "y"
          ],
          "empty": [],
          "inner": {
            "nothing": null,
            "none": {}
          },
          "given": [1]
        }
        """#)
  }

  @Test("what was written can be taken back", arguments: [JSONWriter.Layout.line, .indented])
  func goingBack(layout: JSONWriter.Layout) {
    let plain = JSONWriter.text(layout) { $0.object { $0.member("a", 1) } }
    let again = JSONWriter.text(layout) {
      $0.object {
        let start = $0.place
        $0.member("x", ["y", "z"])
        $0.goBack(to: start)
        $0.member("a", 1)
        let end = $0.place
        $0.object("b") { $0.member("c", 1) }
        $0.goBack(to: end)
      }
    }
    #expect(again == plain)
  }

  @Test(
    "a string is quoted as far as JSON demands, or so that it can be shown",
    arguments: [
      ("", #""""#, #""""#), ("a\"b\\c/", #""a\"b\\c/""#, #""a\"b\\c/""#),
      ("\n\r\t\u{0}\u{1F}", #""\n\u000d\u0009\u0000\u001f""#, #""\n\u000d\u0009\u0000\u001f""#),
      ("é→😀", "\"é→😀\"", "\"é→😀\""), ("\u{7F}\u{9F}", "\"\u{7F}\u{9F}\"", #""\u007f\u009f""#),
      ("\u{202E}\u{2028}\u{FEFF}", "\"\u{202E}\u{2028}\u{FEFF}\"", #""\u202e\u2028\ufeff""#),
      ("a\r\nb", #""a\u000d\nb""#, #""a\u000d\nb""#),
    ])
  func quoting(text: String, necessary: String, shown: String) {
    #expect(JSONString.quoted(text) == necessary && JSONString.quoted(text, .shown) == shown)
  }

  @Test("every character is read back as it was written, and none that is unsafe to show is left")
  func everyScalar() throws {
    for escaping in [JSONString.Escaping.necessary, .shown] {
      var text = ""
      for value in UInt32(0)...0xFFFF {
        if let scalar = Unicode.Scalar(value) { text.unicodeScalars.append(scalar) }
      }
      let quoted = JSONString.quoted(text, escaping)
      let read = try JSONValue(parsing: quoted.utf8).string
      #expect(read.map { Array($0.utf8) } == Array(text.utf8))
      if case .shown = escaping {
        #expect(!quoted.unicodeScalars.contains { JSONString.isUnsafeToShow($0) })
      }
    }
  }

  @Test("what was read of a made document is the same when it is written and read again")
  func roundTrip() throws {
    var random = SeededGenerator(seed: 4)
    for _ in 0..<1000 {
      let value = try JSONValue(parsing: RandomDocument.make(&random))
      #expect(try JSONValue(parsing: value.text.utf8) == value)
      #expect(try JSONValue(parsing: value.indentedText.utf8) == value)
    }
  }

  private func escaped(_ bytes: [UInt8], room: Int) -> (text: String, isIntact: Bool) {
    var memory = [UInt8](repeating: 0xAA, count: room + 8)
    let count = memory.withUnsafeMutableBufferPointer { memory in
      bytes.withUnsafeBytes { JSONString.escape($0, into: .init(rebasing: memory[..<room])) }
    }
    return (
      String(decoding: memory[..<count], as: UTF8.self), memory[count...].suffix(8).allSatisfy { $0 == 0xAA }
    )
  }

  @Test("any bytes become the inside of a string, each outside ASCII by itself")
  func anyBytes() throws {
    let bytes = Array(UInt8.min...UInt8.max)
    let text = escaped(bytes, room: 6 * 256 + 9).text
    let read = try JSONValue(parsing: "\"\(text)\"".utf8).string
    #expect(read?.unicodeScalars.map(\.value) == bytes.map(UInt32.init))
    #expect(text.utf8.allSatisfy { (0x20..<0x7F).contains($0) })
  }

  @Test("bytes are escaped into the room there is, and dots say what is missing")
  func room() {
    var random = SeededGenerator(seed: 5)
    for room in 0...60 {
      for _ in 0..<50 {
        let bytes = random.bytes(Int.random(in: 0...40, using: &random)).map { $0 % 3 == 0 ? 0x61 : $0 }
        let (text, isIntact) = escaped(bytes, room: room)
        let whole = escaped(bytes, room: 300).text
        #expect(isIntact && text.utf8.count <= room)
        #expect(text == whole || text.isEmpty || text.hasSuffix("...") && whole.hasPrefix(text.dropLast(3)))
        #expect(!text.isEmpty || bytes.isEmpty || room < JSONString.minimumRoomInBytes)
      }
    }
  }
}
