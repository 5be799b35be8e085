import HTTP
import TestSupport
import TestRun
import Testing

@Suite(.ownThread) struct HeadWriterTests {
  private func written(capacity: Int = 64, _ body: (inout HeadWriter) -> Void) -> (
    text: String, overflowed: Bool
  ) {
    let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, capacity))
    defer { memory.deallocate() }
    var writer = HeadWriter(memory, capacity: capacity)
    body(&writer)
    let bytes = UnsafeBufferPointer(start: memory, count: writer.count)
    return (String(decoding: bytes, as: UTF8.self), writer.overflowed)
  }

  private static let edgeNumbers: [UInt64] =
    [
      0, 1, 9, 10, 11, 15, 16, 17, 255, 256, 4095, 4096, .max, .max - 1, 1 << 63, 1 << 32, 1 << 60,
      (1 << 60) - 1,
    ]

  @Test("numbers are written in decimal and hexadecimal as the language writes them", arguments: edgeNumbers)
  func edges(_ number: UInt64) {
    #expect(written { $0.append(decimal: number) }.text == String(number))
    #expect(written { $0.append(hex: number) }.text == String(number, radix: 16))
  }

  @Test("random numbers are written in decimal and hexadecimal as the language writes them")
  func randomNumbers() {
    var random = SeededGenerator(seed: 3)
    for _ in 0..<2000 {
      let number = random.next() >> UInt64.random(in: 0..<64, using: &random)
      #expect(written { $0.append(decimal: number) }.text == String(number))
      #expect(written { $0.append(hex: number) }.text == String(number, radix: 16))
    }
  }

  @Test("what does not fit is not written, and said")
  func overflow() throws {
    for capacity in 0...30 {
      let memory = try GuardedMemory(capacity: 64)
      let place = memory.atEnd([UInt8](repeating: 0, count: capacity))
      var writer = HeadWriter(place, capacity: capacity)
      writer.append("Content-Length: ")
      writer.append(decimal: .max)
      writer.append(hex: .max)
      writer.append([1, 2, 3])
      #expect(writer.overflowed)
      #expect(writer.count <= capacity)
    }
  }

  @Test("what fits exactly is no overflow")
  func exactFit() {
    let (text, overflowed) = written(capacity: 20) { $0.append(decimal: .max) }
    #expect(text == "18446744073709551615")
    #expect(!overflowed)
  }

  @Test("a field line is written with one space and a CRLF")
  func fieldLine() throws {
    let bytes = latin1("GET / HTTP/1.1\r\nhost:\t h \r\n\r\n")
    var fields = FieldSection(capacity: 2)
    var head = RequestHead()
    try bytes.withUnsafeBufferPointer { buffer in
      let base = try #require(buffer.baseAddress)
      #expect(RequestHead.parse(base, count: buffer.count, fields: &fields, into: &head) == nil)
      let line = fields.lines[0]
      #expect(written { $0.append(line, of: base) }.text == "host: h\r\n")
    }
  }
}
