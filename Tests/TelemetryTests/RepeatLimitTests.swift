import TestSupport
import TestRun
import Testing

@testable import Telemetry

@Suite(.ownThread) struct RepeatLimitTests {
  @Test(
    "the first of a kind is written, those of the next minute are told together, and a quiet thing begins anew"
  )
  func minute() {
    var limit = RepeatLimit()
    #expect(limit.take("a", "1", seconds: 100) == .write)
    #expect(limit.take("a", "2", seconds: 101) == .count)
    #expect(limit.take("b", "1", seconds: 130) == .write)
    #expect(limit.take("a", "3", seconds: 159) == .count)
    #expect(limit.due(seconds: 159) == [])
    #expect(limit.due(seconds: 160) == [.init(key: "a", count: 2, last: "3")])
    #expect(limit.take("a", "4", seconds: 161) == .count)
    #expect(limit.due(seconds: 220) == [.init(key: "a", count: 1, last: "4")])
    #expect(limit.due(seconds: 280) == [])
    #expect(limit.take("a", "5", seconds: 281) == .write)
  }

  @Test("things without number are counted as one")
  func bounded() {
    var limit = RepeatLimit()
    for number in 0..<RepeatLimit.maximumKeys { #expect(limit.take("\(number)", "", seconds: 0) == .write) }
    #expect(limit.take("one more", "", seconds: 1) == .write)
    #expect(limit.take("another", "x", seconds: 1) == .count)
    #expect(limit.due(seconds: 100).map(\.key) == [RepeatLimit.others])
  }

  @Test(
    "whatever comes when, every message is written or counted once", arguments: 1...50 as ClosedRange<UInt64>)
  func nothingIsLost(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var limit = RepeatLimit()
    var (now, sent, written, told): (UInt64, Int, Int, Int) = (0, 0, 0, 0)
    var lastWritten: [String: UInt64] = [:]
    for _ in 0..<2000 {
      now += UInt64.random(in: 0...20, using: &random)
      for repeated in limit.due(seconds: now) {
        told += repeated.count
        lastWritten[repeated.key] = now
      }
      let key = "\(Int.random(in: 0...5, using: &random))"
      sent += 1
      guard limit.take(key, "", seconds: now) == .write else { continue }
      written += 1
      if let before = lastWritten[key] { #expect(now - before >= RepeatLimit.windowSeconds) }
      lastWritten[key] = now
    }
    for repeated in limit.due(seconds: now + 1000) { told += repeated.count }
    #expect(written + told == sent)
  }
}
