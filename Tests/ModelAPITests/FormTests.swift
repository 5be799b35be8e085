import ModelAPI
import TestSupport
import TestRun
import Testing

@Suite("Scan of forms", .ownThread) struct FormTests {
  private static let boundary = "----x7"

  /// A part, by its head's lines and its content.
  private static func part(_ head: String, _ content: String) -> String {
    "------x7\r\n\(head)\r\n\r\n\(content)\r\n"
  }

  private static func field(_ name: String, _ value: String) -> String {
    part("Content-Disposition: form-data; name=\"\(name)\"", value)
  }

  private static let file = part(
    "Content-Disposition: form-data; name=\"file\"; filename=\"a \\\"b\\\".wav\"\r\nContent-Type: audio/wav",
    "RIFF\r\n-- \r\r\n--\r\n----x\0\r\n\r\n------y\r")
  private static let last = "------x7--\r\n"

  private static func read(_ text: String, boundary: String = boundary) throws -> RequestReading {
    try RequestReading(form: Array(text.utf8), boundary: boundary, pieces: [text.utf8.count])
  }

  private static let bodies: [String] = [
    file + field("model", "whisper-1") + field("stream", "true") + last,
    field("model", "a\r\n--b\r\r\n") + file + last, "preamble\r\n" + field("model", "m") + last + "epilogue",
    field("model", "a") + field("model", "b") + last, field("Model", "a") + last, field("model", "") + last,
    part("content-disposition:form-data;name=model", "m") + last, part("X: y", "z") + last, last, "", file,
    part("Content-Disposition: form-data; name=\"model\"; filename=\"f\"", "m") + last,
    part("Content-Disposition: form-data; name*=utf-8''model", "m") + last,
    field("model", String(repeating: "n", count: 257)) + last, field("stream", "0") + last,
    "------x7 \t\r\n\r\nno head\r\n" + last,
  ]

  @Test("model and stream are read, whatever stands around them")
  func fields() throws {
    let text = Self.bodies[0]
    let reading = try Self.read(text)
    #expect(
      reading.name == "whisper-1" && reading.stream == true && reading.isWhole && reading.promptBytes == 0)
    let place = try #require(reading.place)
    #expect(String(decoding: Array(text.utf8)[place], as: UTF8.self) == "whisper-1")
  }

  @Test("a value goes up to the delimiter, line ends and all")
  func values() throws {
    #expect(try Self.read(Self.bodies[1]).name == "a\r\n--b\r\r\n")
    #expect(try Self.read(Self.bodies[2]).name == "m")
    #expect(try Self.read(Self.bodies[6]).name == "m")
    #expect(try Self.read(Self.bodies[14]).stream == false)
  }

  @Test(
    "what names no model, or two, is told",
    arguments: [
      (3, .doubled), (4, .doubled), (5, .notText), (7, .none), (8, .none), (11, .notText), (13, .tooLong),
    ]
      as [(Int, ModelName)])
  func others(_ index: Int, _ verdict: ModelName) throws {
    let reading = try Self.read(Self.bodies[index])
    #expect(reading.model == verdict && reading.isWhole && reading.fault == nil)
  }

  @Test(
    "heads that readers understand in different ways are refused",
    arguments: [
      "Content-Disposition: form-data; name*=utf-8''model",
      "Content-Disposition: form-data; name=a; name=model",
      "Content-Disposition: form-data; name=\"a\\\"\"", "Content-Disposition: form-data; name =model",
      "Content-Disposition: form-data; name= model", "Content-Disposition: form-data; name=\"a\"b",
      "Content-Disposition: form-data;\r\n name=model", "Content-Disposition : form-data; name=model",
      "Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=model",
      "Content-Disposition: form-data; name=model\nX: y", "Content-Disposition: form-data; name=\"model",
      "Content-Disposition: form-data; name=mo\"del", "Content-Disposition: form-data; =model", "X",
      "Content-Disposition: form-data; name", "X: " + String(repeating: "y", count: 9000),
    ])
  func ambiguous(_ head: String) throws {
    #expect(try Self.read(Self.part(head, "m") + Self.last).fault?.reason == .part)
  }

  @Test("a form that is cut off is not whole")
  func cut() throws {
    let bytes = Array(Self.bodies[0].utf8)
    for count in 0..<bytes.count - 2 {
      let reading = try RequestReading(form: Array(bytes[..<count]), boundary: Self.boundary, pieces: [count])
      #expect(!reading.isWhole && reading.fault == RequestFault(offset: count, reason: .formEnd))
    }
  }

  @Test("cut anywhere, a form says the same", arguments: bodies)
  func pieces(_ text: String) throws {
    let bytes = Array(text.utf8)
    let whole = try Self.read(text)
    for pieces in cuts(bytes.count) {
      #expect(try RequestReading(form: bytes, boundary: Self.boundary, pieces: pieces) == whole, "\(pieces)")
    }
  }

  @Test("no form brings it down, and however it is changed it says the same in pieces")
  func hostile() throws {
    var random = SeededGenerator(seed: 8)
    for text in Self.bodies {
      for _ in 0..<60 {
        let bytes = mutated(Array(text.utf8), &random)
        let whole = try RequestReading(form: bytes, boundary: Self.boundary, pieces: [bytes.count])
        let pieces = randomPieces(bytes.count, &random)
        #expect(try RequestReading(form: bytes, boundary: Self.boundary, pieces: pieces) == whole, "\(bytes)")
      }
    }
  }

  @Test("a boundary has 1 to 70 bytes, none of them a control character")
  func boundaries() {
    func isOne(_ text: String) -> Bool {
      Array(text.utf8).withUnsafeBytes { RequestScan(boundary: $0) != nil }
    }
    #expect(isOne("a") && isOne(String(repeating: "a", count: 70)) && isOne("a b"))
    #expect(!isOne("") && !isOne(String(repeating: "a", count: 71)) && !isOne("a\r") && !isOne("ä"))
  }
}
