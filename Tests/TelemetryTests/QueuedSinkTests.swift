import Bytes
import OS
import Telemetry
import TestRun
import Testing

@Suite(.ownThread) struct QueuedSinkTests {
  @Test(
    "a log whose reader stands still is written to without waiting, and tells what was lost when it goes on")
  func stalledReader() async throws {
    let pipe = try Pipe()
    let sink = try QueuedSink(descriptor: pipe.writing) { Array("lost \($0)\n".utf8) }
    let line = [UInt8](repeating: 0x61, count: 1023) + [0x0A]
    // More than pipe and queue hold together.
    let count = 4 * QueuedSink.maximumBytes / line.count
    for _ in 0..<count { sink.write(line) }
    #expect(sink.waitingDropped > 0)
    let began = Clock.monotonicNanoseconds()
    sink.flush(milliseconds: 20)
    #expect(Clock.monotonicNanoseconds() - began >= 20_000_000)
    // Every line has come or is told of as lost.
    let (whole, lost) = try await OwnThread.run { () -> (Int, Int) in
      var (whole, lost) = (0, 0)
      while whole + lost < count {
        let next = String(decoding: pipe.readLine(), as: UTF8.self)
        if next.hasPrefix("lost ") { lost += Int(next.dropFirst(5)) ?? count } else { whole += 1 }
        if !next.hasPrefix("lost "), next.utf8.count != 1023 { break }
      }
      return (whole, lost)
    }
    #expect(whole + lost == count && lost > 0)
  }

  @Test("lines come in their order, and a flush waits for the last of them")
  func order() async throws {
    let pipe = try Pipe()
    let sink = try QueuedSink(descriptor: pipe.writing) { _ in [] }
    for number in 0..<100 { sink.write(Array("\(number)\n".utf8)) }
    sink.flush(milliseconds: 60_000)
    let text = String(decoding: pipe.read(through: "\n99\n"), as: UTF8.self)
    #expect(text == (0..<100).map { "\($0)\n" }.joined())
  }

  @Test("a log by a queue takes a new format at once")
  func format() throws {
    let pipe = try Pipe()
    let log = try Log.queued(descriptor: pipe.writing, format: .json)
    log.info("one")
    log.format = .text(colour: false)
    log.info("two")
    log.flush(milliseconds: 60_000)
    let lines = String(decoding: pipe.read(through: "two\n"), as: UTF8.self).split(separator: "\n")
    #expect(lines.count == 2 && lines[0].hasPrefix("{") && !lines[1].hasPrefix("{"))
  }
}
