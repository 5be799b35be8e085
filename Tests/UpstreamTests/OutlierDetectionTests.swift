import TestRun
import Testing

@testable import Upstream

@Suite("Passive health", .ownThread) struct OutlierDetectionTests {
  struct Row: CustomTestStringConvertible {
    let name: String
    var before = 0
    var ejected = 0
    var count = 4
    var percent = 50
    var most: Milliseconds = 300_000
    let expected: UInt64?
    var testDescription: String { name }
  }

  static let rows: [Row] = [
    Row(name: "the first", expected: 10_000),
    Row(name: "longer each time", before: 2, expected: 30_000),
    Row(name: "no longer than it may", before: 1_000_000, expected: 300_000),
    Row(name: "the first one always as long as it is", most: 1000, expected: 10_000),
    Row(name: "not more than half", ejected: 2, expected: nil),
    Row(name: "not the only one", count: 1, expected: nil),
    Row(name: "one of two", count: 2, expected: 10_000),
    Row(name: "all, where that is allowed", ejected: 3, percent: 100, expected: 10_000),
    Row(name: "none, where that is said", percent: 0, expected: nil),
  ]

  @Test(
    "an ejection lasts as many times its base as there were, within the share that may be", arguments: rows)
  func ejection(_ row: Row) {
    var rule = OutlierDetection()
    rule.baseEjectionTime = 10_000
    rule.maxEjectionTime = row.most
    rule.maxEjectionPercent = row.percent
    #expect(rule.ejection(before: row.before, ejected: row.ejected, count: row.count) == row.expected)
  }

  @Test(
    "errors and failures of gateways are counted apart",
    arguments: [
      (0, 3, 2, 2, nil), (0, 3, 3, 3, OutlierDetection.Reason.gatewayErrors), (0, 3, 9, 2, nil),
      (5, 3, 5, 2, .errors), (5, 3, 4, 2, nil), (5, 0, 9, 9, .errors), (0, 0, 1000, 1000, nil),
    ] as [(Int, Int, Int, Int, OutlierDetection.Reason?)])
  func reasons(
    _ errors: Int, _ gateway: Int, _ had: Int, _ hadGateway: Int, _ reason: OutlierDetection.Reason?
  ) {
    var rule = OutlierDetection(consecutiveGatewayErrors: gateway)
    rule.consecutiveErrors = errors
    #expect(rule.reason(errors: had, gatewayErrors: hadGateway) == reason)
    #expect(rule.isOn == (errors + gateway > 0))
  }

  @Test(
    "501 and 505 speak of the request",
    arguments: [(499, false), (500, true), (501, false), (503, true), (505, false), (599, true)])
  func statuses(_ status: Int, _ isError: Bool) {
    #expect(OutlierDetection.isError(status: status) == isError)
  }

  @Test("one success ends the row, and an ejection ends by itself")
  func rowAndEnd() {
    let status = BackendStatus(name: "b")
    var rule = OutlierDetection(consecutiveGatewayErrors: 2)
    rule.baseEjectionTime = 10_000
    func fail(_ now: UInt64) -> UInt64? {
      status.failed(nowMilliseconds: now, rule: rule, ejected: 0, count: 2)?.milliseconds
    }
    #expect(fail(1) == nil)
    status.succeeded()
    #expect(fail(3) == nil)
    #expect(fail(4) == 10_000)
    #expect(status.isEjected(nowMilliseconds: 10_003))
    #expect(!status.isEjected(nowMilliseconds: 10_004))
    #expect(fail(10_005) == nil)
    #expect(fail(10_006) == 20_000)
  }

  @Test("an answer of 500 ends a row of failures of a gateway, and goes on with one of errors")
  func mixed() {
    let status = BackendStatus(name: "b")
    var rule = OutlierDetection(consecutiveGatewayErrors: 2)
    rule.consecutiveErrors = 4
    func fail(_ isGateway: Bool) -> OutlierDetection.Reason? {
      status.failed(nowMilliseconds: 5, rule: rule, ejected: 0, count: 4, isGateway: isGateway)?.reason
    }
    #expect([true, false, true].map(fail) == [nil, nil, nil])
    #expect(fail(false) == .errors && status.ejectionReason == .errors)
  }

  @Test("each interval without an ejection makes the next one shorter again")
  func shrinks() {
    let status = BackendStatus(name: "b")
    var rule = OutlierDetection(consecutiveGatewayErrors: 1)
    (rule.baseEjectionTime, rule.interval) = (1000, 10_000)
    func fail(_ now: UInt64) -> UInt64? {
      status.failed(nowMilliseconds: now, rule: rule, ejected: 0, count: 2)?.milliseconds
    }
    #expect(fail(1000) == 1000)
    #expect(fail(2000) == 2000)
    #expect(fail(4000) == 3000)
    // Over at 7000: two intervals later two fewer count.
    #expect(status.ejections(rule, nowMilliseconds: 16_999) == 3)
    #expect(status.ejections(rule, nowMilliseconds: 27_000) == 1)
    #expect(fail(27_000) == 2000)
    #expect(status.ejections(rule, nowMilliseconds: 1_000_000) == 0)
  }

  /// Requests and errors of each backend.
  private static func intervals(_ all: [(Int, Int)]) -> [OutlierDetection.Interval] {
    all.map { .init(requests: $0.0, errors: $0.1) }
  }

  @Test(
    "a share of good answers stands out by standard deviations below the mean",
    arguments: [
      // Envoy's own example: rates of 100, 100, 100, 100 and 50 have the mean 90 and the deviation 20.
      ([(100, 0), (100, 0), (100, 0), (100, 0), (100, 50)], [4]),
      ([(100, 0), (100, 0), (100, 0), (100, 0), (99, 99)], []),
      ([(100, 5), (100, 6), (100, 5), (100, 4), (100, 6)], []),
      ([(100, 50), (100, 50), (100, 50), (100, 50), (100, 50)], []),
      ([(0, 0), (0, 0)], []),
    ] as [([(Int, Int)], [Int])])
  func successRate(_ all: [(Int, Int)], _ out: [Int]) {
    var rule = OutlierDetection()
    #expect(rule.outliers(Self.intervals(all)).isEmpty)
    rule.successRate = .init()
    let found = rule.outliers(Self.intervals(all))
    #expect(found.map(\.place) == out && found.allSatisfy { $0.reason == .successRate })
  }

  @Test(
    "answers stand out that begin so many times later than the others'",
    arguments: [
      ([100, 100, 301], [2]), ([100, 100, 300], []), ([100, 900, 901], []),
      ([301, 100, 400, 100, 100], [2, 0]),
      ([1, 1, 99], []), ([100, 1000], []),
    ] as [([UInt64], [Int])])
  func latency(_ milliseconds: [UInt64], _ out: [Int]) {
    var rule = OutlierDetection()
    rule.latency = .init()
    var all = milliseconds.map { OutlierDetection.Interval(requests: 20, median: $0 * 1000) }
    #expect(rule.outliers(all).map(\.place) == out)
    for place in all.indices { all[place].requests = 19 }
    #expect(rule.outliers(all).isEmpty)
  }

  @Test("an interval's median is told to a fifth, and counts begin anew with each")
  func window() throws {
    let window = OutlierWindow()
    for time in [50, 60, 70_000, 80_000, 90_000] as [UInt64] {
      window.count(isError: false, microseconds: time)
    }
    window.count(isError: true, microseconds: 0)
    let taken = window.take()
    #expect(taken.requests == 6 && taken.errors == 1)
    let median = try #require(taken.median)
    #expect((56_000...70_000).contains(median))
    #expect(window.take() == .init(requests: 0))
    for value in [0, 1, 5, 1000, 1_000_000, UInt64.max] {
      let bucket = OutlierWindow.bucket(value)
      #expect(bucket < 128 && OutlierWindow.least(bucket) <= value)
    }
  }

  @Test("an interval is over for one caller alone")
  func intervals() {
    let status = ServiceState()
    let answers = [1000, 1500, 2000, 2000, 2999, 3000].map {
      status.isIntervalOver(1000, nowMilliseconds: $0)
    }
    #expect(answers == [false, false, true, false, false, true])
  }
}
