import ModelAPI
import TestRun
import TestSupport
import Testing

/// Calls of KServe's gRPC service, read as they come.
@Suite("Calls of KServe's gRPC service", .ownThread) struct CallTests {
  private static func varint(_ value: Int) -> [UInt8] {
    var (left, out) = (UInt64(value), [UInt8]())
    repeat {
      out.append(UInt8(left & 0x7F) | (left > 0x7F ? 0x80 : 0))
      left >>= 7
    } while left > 0
    return out
  }

  private static func field(_ number: Int, _ bytes: [UInt8]) -> [UInt8] {
    varint(number << 3 | 2) + varint(bytes.count) + bytes
  }

  private static func field(_ number: Int, _ text: String) -> [UInt8] { field(number, Array(text.utf8)) }

  private static func number(_ number: Int, _ value: Int) -> [UInt8] { varint(number << 3) + varint(value) }

  private static func call(_ message: [UInt8], flag: UInt8 = 0) -> [UInt8] {
    [flag] + (0..<4).map { UInt8(truncatingIfNeeded: message.count >> (24 - 8 * $0)) } + message
  }

  private static func tensor(_ name: String, _ type: String, _ contents: [UInt8]? = nil) -> [UInt8] {
    field(5, field(1, name) + field(2, type) + [0x1A, 1, 1] + (contents.map { field(5, $0) } ?? []))
  }

  private static func raw(_ texts: [String]) -> [UInt8] {
    field(
      7,
      texts.flatMap { text in
        (0..<4).map { UInt8(truncatingIfNeeded: text.utf8.count >> (8 * $0)) } + text.utf8
      })
  }

  private struct Reading: Equatable {
    var name = ""
    var model = ModelName.none
    var place: Range<Int>?
    var lengthPlace: Range<Int>?
    var limit: Int?
    var prompt = 0
    var blocks: [UInt64] = []
    var fault: RequestFault.Reason?
    var isWhole = false
    var isMessageWhole = false
  }

  private static func read(
    _ bytes: [UInt8], pieces: [Int]? = nil, streams: Bool = false
  ) throws -> Reading {
    let memory = try GuardedMemory(capacity: max(1, bytes.count))
    var reading = Reading()
    reading.blocks = [UInt64](unsafeUninitializedCapacity: 64) { room, count in
      var scan = RequestScan(callSeed: 7, blocks: room.baseAddress, capacity: 64)
      scan.callStreams = streams
      var start = 0
      for length in pieces ?? [bytes.count] {
        let piece = Array(bytes[start..<start + length])
        scan.feed(UnsafeRawBufferPointer(start: memory.atEnd(piece), count: length))
        start += length
      }
      reading.isMessageWhole = scan.isMessageWhole
      scan.end()
      reading.name = scan.withModelName { String(decoding: $0, as: UTF8.self) }
      (reading.model, reading.place, reading.lengthPlace) = (
        scan.model, scan.modelPlace, scan.modelLengthPlace
      )
      (reading.limit, reading.prompt, reading.fault) = (scan.tokenLimit, scan.promptBytes, scan.fault?.reason)
      reading.isWhole = scan.isWhole
      count = scan.blockCount
    }
    return reading
  }

  private static let text = String(repeating: "What is a certificate? ", count: 60)

  private static let whole = call(
    field(1, "llama") + field(2, "3") + field(3, "id-1")
      + field(4, field(1, "max_tokens") + field(2, number(2, 300)))
      + field(4, field(1, "other") + field(2, number(2, 9000)))
      + tensor("text_input", "BYTES", field(8, text)) + tensor("x", "FP32", field(6, "abcdefgh"))
      + field(6, field(1, "text_output")) + varint(100 << 3 | 1) + [1, 2, 3, 4, 5, 6, 7, 8])

  @Test("model, limit and prompt of a message are found, and where the model's name stands")
  func found() throws {
    let reading = try Self.read(Self.whole)
    #expect(reading.name == "llama" && reading.model == .named && reading.isWhole && reading.fault == nil)
    #expect(reading.place == 7..<12 && reading.lengthPlace == 6..<7)
    #expect(reading.limit == 300 && reading.prompt == Self.text.utf8.count)
    #expect(reading.blocks.count == Self.text.utf8.count / RequestScan.blockBytes)
  }

  @Test("raw contents go by the order of the tensors, and are the same prompt")
  func raw() throws {
    let message =
      Self.field(1, "m") + Self.tensor("x", "FP32") + Self.tensor("PROMPT", "BYTES")
      + Self.tensor("max_tokens", "INT32") + Self.field(7, [1, 2, 3, 4]) + Self.raw([Self.text])
      + Self.field(7, [44, 1, 0, 0])
    let reading = try Self.read(Self.call(message))
    #expect(reading.limit == 300 && reading.prompt == Self.text.utf8.count && reading.isWhole)
    #expect(reading.blocks == (try Self.read(Self.whole).blocks))
  }

  @Test("however a call is cut, it is read as it is as a whole")
  func cut() throws {
    let wanted = try Self.read(Self.whole)
    var random = SeededGenerator(seed: 11)
    for round in 0..<200 {
      var (left, pieces) = (Self.whole.count, [Int]())
      while left > 0 {
        let most = round == 0 ? 1 : min(left, round.isMultiple(of: 2) ? 9 : 400)
        pieces.append(Int.random(in: 1...most, using: &random))
        left -= pieces.last ?? left
      }
      #expect(try Self.read(Self.whole, pieces: pieces) == wanted)
    }
  }

  @Test("a stream of messages is read as far as the first one; a single call has only one")
  func stream() throws {
    let both = Self.whole + Self.call(Self.field(1, "other"))
    let streamed = try Self.read(both, streams: true)
    #expect(streamed.name == "llama" && streamed.isWhole && streamed.isMessageWhole)
    #expect(try Self.read(both).fault == .call)
    #expect(try !Self.read(Array(Self.whole.dropLast()), streams: true).isMessageWhole)
  }

  @Test(
    "what another reader could read in another way is refused",
    arguments: [
      call(field(1, "a"), flag: 1), Array(call(field(1, "abc")).dropLast()), call([0x0A, 9, 0x61]),
      call([0x03]), call([0x02, 0]), call([UInt8](repeating: 0xFF, count: 12)),
      call(field(5, [0x0A, 5, 0x61])), [0, 0, 0], [],
    ])
  func faults(_ bytes: [UInt8]) throws {
    let reading = try Self.read(bytes)
    #expect(reading.fault == .call && !reading.isWhole)
  }

  @Test("a name that stands there twice, or is empty, or is too long, is none")
  func names() throws {
    #expect(try Self.read(Self.call(Self.field(1, "a") + Self.field(1, "b"))).model == .doubled)
    #expect(try Self.read(Self.call(Self.field(1, ""))).model == .notText)
    #expect(try Self.read(Self.call([])).model == .none)
    #expect(try Self.read(Self.call(Self.field(1, String(repeating: "a", count: 257)))).model == .tooLong)
  }
}
