import TestRun
import Testing

@testable import Telemetry

@Suite("Traces", .ownThread)
struct TraceTests {
  private func span(_ number: UInt64) -> TraceSpan {
    TraceSpan(
      "a", .server, trace: TraceID(high: 1, low: 2), span: number, parent: 0, start: 5, end: 4)
  }

  @Test("varints, lengths and fixed numbers are Protocol Buffers'")
  func wire() {
    var out = ProtobufWriter()
    out.number(1, 150)
    out.text(2, "testing")
    out.fixed(7, 1)
    #expect(
      out.bytes == [0x08, 0x96, 0x01, 0x12, 0x07] + Array("testing".utf8) + [0x39, 1, 0, 0, 0, 0, 0, 0, 0])
  }

  @Test("a queue keeps as many spans as may wait, drops and counts the others, and gives the oldest first")
  func queue() {
    let queue = TraceQueue()
    for number in 1...UInt64(TraceQueue.maximumSpans) { queue.add([span(number)]) }
    queue.add([span(9), span(9)])
    #expect(queue.dropped == 2)
    #expect(queue.take(atMost: 2).map(\.span) == [1, 2])
    queue.add([span(9), span(9)])
    #expect(queue.dropped == 2 && queue.take(atMost: .max).count == TraceQueue.maximumSpans)
    #expect(queue.take(atMost: 1).isEmpty)
  }

  @Test("a step ends no earlier than it begins")
  func order() { #expect(span(1).end == 5) }
}
