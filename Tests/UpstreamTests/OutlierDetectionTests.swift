import TestRun
import Testing
import Upstream

@Suite("Passive health", .ownThread) struct OutlierDetectionTests {
  struct Row: CustomTestStringConvertible {
    let name: String
    var threshold = 3
    var failures = 3
    var before = 0
    var ejected = 0
    var count = 4
    var percent = 50
    let expected: UInt64?
    var testDescription: String { name }
  }

  static let rows: [Row] = [
    Row(name: "too few failures", failures: 2, expected: nil),
    Row(name: "enough", expected: 10_000),
    Row(name: "never, when off", threshold: 0, failures: 1000, expected: nil),
    Row(name: "longer each time", before: 2, expected: 30_000),
    Row(name: "no longer than five minutes", before: 1_000_000, expected: 300_000),
    Row(name: "not more than half", ejected: 2, expected: nil),
    Row(name: "not the only one", count: 1, expected: nil),
    Row(name: "one of two", count: 2, expected: 10_000),
    Row(name: "all, where that is allowed", ejected: 3, percent: 100, expected: 10_000),
    Row(name: "none, where that is said", percent: 0, expected: nil),
  ]

  @Test("a backend is ejected by failures in a row, within the share that may be", arguments: rows)
  func ejection(_ row: Row) {
    var rule = OutlierDetection(consecutiveFailures: row.threshold)
    rule.ejectionTime = 10_000
    rule.maxEjectionPercent = row.percent
    #expect(
      rule.ejection(failures: row.failures, before: row.before, ejected: row.ejected, count: row.count)
        == row.expected)
  }

  @Test("one success ends the row, and an ejection ends by itself")
  func rowAndEnd() {
    let status = BackendStatus(name: "b")
    var rule = OutlierDetection(consecutiveFailures: 2)
    rule.ejectionTime = 10_000
    func fail(_ now: UInt64) -> UInt64? {
      status.failed(nowMilliseconds: now, rule: rule, ejected: 0, count: 2)
    }
    #expect(fail(1) == nil)
    status.succeeded(nowMilliseconds: 2)
    #expect(fail(3) == nil)
    #expect(fail(4) == 10_000)
    #expect(status.isEjected(nowMilliseconds: 10_003))
    #expect(!status.isEjected(nowMilliseconds: 10_004))
    #expect(fail(10_005) == nil)
    #expect(fail(10_006) == 20_000)
    status.succeeded(nowMilliseconds: 30_006 + OutlierDetection.maximumEjectionMilliseconds + 1)
    #expect(status.ejections == 0)
  }
}
