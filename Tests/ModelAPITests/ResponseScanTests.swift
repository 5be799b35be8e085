import ModelAPI
import TestSupport
import TestRun
import Testing

/// What a scan says of a response, all of it; and where a comment may be put in, by what has come until then.
private struct Reading: Equatable {
  var content = 0
  var hasContent = false
  var prompt: Int?
  var completion: Int?
  var cached: Int?
  var ended = false
  var error = false
  var isBetween = false

  init(_ bytes: [UInt8], _ format: ResponseScan.Format, pieces: [Int], ends: Bool = true) throws {
    let memory = try GuardedMemory(capacity: bytes.count)
    var scan = ResponseScan(format)
    var start = 0
    for length in pieces {
      let piece = Array(bytes[start..<start + length])
      scan.feed(UnsafeRawBufferPointer(start: memory.atEnd(piece), count: length))
      start += length
    }
    isBetween = scan.isBetweenEvents
    if ends { scan.end() }
    content = scan.contentEvents
    hasContent = scan.hasContent
    prompt = scan.promptTokens
    completion = scan.completionTokens
    cached = scan.cachedTokens
    ended = scan.hasEnded
    error = scan.hasError
  }
}

@Suite("Scan of responses", .ownThread) struct ResponseScanTests {
  @Test("content, tokens, the end and errors are found in every interface's words", arguments: responseCases)
  func found(_ response: ResponseCase) throws {
    let bytes = Array(response.text.utf8)
    let reading = try Reading(bytes, response.format, pieces: [bytes.count])
    #expect(reading.content == response.content && reading.hasContent == (response.content > 0))
    #expect(reading.prompt == response.prompt)
    #expect(reading.completion == response.completion)
    #expect(reading.cached == response.cached)
    #expect(reading.ended == response.ended)
    #expect(reading.error == response.error)
  }

  @Test("cut anywhere, a response says the same", arguments: responseCases)
  func pieces(_ response: ResponseCase) throws {
    let bytes = Array(response.text.utf8)
    let whole = try Reading(bytes, response.format, pieces: [bytes.count])
    for pieces in cuts(bytes.count) {
      #expect(try Reading(bytes, response.format, pieces: pieces) == whole, "\(pieces)")
    }
  }

  @Test("no response brings it down, and however it is changed it says the same in pieces")
  func hostile() throws {
    var random = SeededGenerator(seed: 9)
    for response in responseCases {
      for _ in 0..<60 {
        let bytes = mutated(Array(response.text.utf8), &random)
        let whole = try Reading(bytes, response.format, pieces: [bytes.count])
        let pieces = randomPieces(bytes.count, &random)
        #expect(try Reading(bytes, response.format, pieces: pieces) == whole, "\(bytes)")
      }
    }
  }

  @Test("nesting without end brings nothing down")
  func deep() throws {
    for text in [
      String(repeating: "[", count: 1000), String(repeating: #"{"usage":"#, count: 200),
      #"{"usage":"# + String(repeating: #"{"prompt_tokens_details":"#, count: 60) + "1"
        + String(repeating: "}", count: 61),
    ] {
      let reading = try Reading(Array(text.utf8), .document, pieces: [text.utf8.count])
      #expect(reading.prompt == nil)
    }
  }

  @Test("a comment may stand between events, and nowhere else")
  func comments() throws {
    let text = Array("data: a\n\nevent: x\r\ndata: b\r\n\r\n: c\n\ndata: d\r\r".utf8)
    let places: Set<Int> = [0, 9, 30, 34, 35]
    for count in 0...text.count {
      let reading = try Reading(Array(text[..<count]), .events, pieces: [count], ends: false)
      #expect(reading.isBetween == places.contains(count), "\(count)")
    }
    #expect(try Reading([], .lines, pieces: []).isBetween && !Reading([], .document, pieces: []).isBetween)
  }

  @Test("an event counts once it has ended")
  func first() throws {
    let text = Array("data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n".utf8)
    for count in 0...text.count {
      let reading = try Reading(Array(text[..<count]), .events, pieces: [count], ends: false)
      #expect(reading.content == (count == text.count ? 1 : 0))
    }
  }

  @Test("events that begin in the same way are told apart behind that")
  func beginnings() throws {
    let begin = "data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{"
    let one = begin + "\"content\":\"a\"}}]}\n\n"
    let none = begin + "}}]}\n\n"
    let last = begin + "}}],\"usage\":{\"completion_tokens\":3}}\n\n"
    let text = one + none + one + one + last + none + one
    let reading = try Reading(Array(text.utf8), .events, pieces: [text.utf8.count])
    #expect(reading.content == 4 && reading.completion == 3)
  }
}
