import TestRun
import TestSupport
import Testing

@testable import APIKeys

@Suite("What keys have used", .ownThread) struct KeyUsageTests {
  /// 2026-11-28T12:00:00Z.
  static let noon: UInt64 = 1_795_867_200_000

  private func limits(
    requests: Int? = nil, tokens: Int? = nil, day: Int? = nil, month: Int? = nil, concurrent: Int? = nil
  ) -> KeyLimits {
    var limits = KeyLimits()
    limits.requestsPerMinute = requests
    limits.tokensPerMinute = tokens
    limits.tokensPerDay = day
    limits.tokensPerMonth = month
    limits.concurrent = concurrent
    return limits
  }

  @Test("requests beyond the limit wait until the first of them is a minute old, and no longer than is told")
  func requests() {
    let usage = KeyUsage()
    let limits = limits(requests: 2)
    #expect(usage.begin(limits, now: Self.noon) == nil)
    #expect(usage.begin(limits, now: Self.noon + 10_000) == nil)
    let refusal = usage.begin(limits, now: Self.noon + 20_000)
    #expect(refusal?.limit == .requestsPerMinute)
    let wait = refusal?.retryAfterMilliseconds ?? 0
    #expect((40_000...40_500).contains(wait))
    #expect(usage.begin(limits, now: Self.noon + 20_000 + wait - 1) != nil)
    #expect(usage.begin(limits, now: Self.noon + 20_000 + wait) == nil)
  }

  @Test("as many run at once as may, and one that ends makes room")
  func concurrent() {
    let usage = KeyUsage()
    let limits = limits(concurrent: 2)
    #expect(usage.begin(limits, now: Self.noon) == nil)
    #expect(usage.begin(limits, now: Self.noon) == nil)
    #expect(usage.begin(limits, now: Self.noon)?.limit == .concurrent)
    usage.end()
    #expect(usage.begin(limits, now: Self.noon) == nil)
  }

  @Test("one that was refused elsewhere counts for nothing")
  func cancelled() {
    let usage = KeyUsage()
    let limits = limits(requests: 1, concurrent: 1)
    #expect(usage.begin(limits, now: Self.noon) == nil)
    usage.cancel(now: Self.noon + 5)
    #expect(usage.begin(limits, now: Self.noon + 10) == nil)
  }

  @Test("tokens that were set aside and not used are there again; more than that counts too")
  func settling() throws {
    let usage = KeyUsage()
    let limits = limits(tokens: 100)
    let first = try usage.reserve(80, limits, now: Self.noon).get()
    #expect(throws: KeyRefusal.self) { try usage.reserve(30, limits, now: Self.noon).get() }
    usage.settle(first, used: 10, now: Self.noon + 100)
    #expect(usage.standing(limits, now: Self.noon + 100).tokens == 90)
    let second = try usage.reserve(90, limits, now: Self.noon + 100).get()
    usage.settle(second, used: 120, now: Self.noon + 200)
    #expect(usage.standing(limits, now: Self.noon + 200).tokens == 0)
  }

  @Test("a stream goes on by the token as long as there are some")
  func extending() throws {
    let usage = KeyUsage()
    let limits = limits(tokens: 100)
    var held = try usage.reserve(90, limits, now: Self.noon).get()
    for _ in 0..<10 { #expect(usage.extend(&held, by: 1, limits, now: Self.noon + 1)) }
    #expect(!usage.extend(&held, by: 1, limits, now: Self.noon + 1))
    #expect(held.tokens == 100)
  }

  @Test(
    "days and months are those of UTC",
    arguments: [
      // 2026-11-28, 2024-02-29, 2026-12-31
      (noon, 43_200_000, 2_635_200_000 as UInt64), (1_709_208_000_000, 43_200_000, 43_200_000),
      (1_798_718_400_000, 43_200_000, 43_200_000),
    ] as [(UInt64, UInt64, UInt64)])
  func periods(_ now: UInt64, _ untilTomorrow: UInt64, _ untilNextMonth: UInt64) throws {
    let usage = KeyUsage()
    let day = limits(day: 10)
    _ = try usage.reserve(10, day, now: now).get()
    guard case .failure(let refusal) = usage.reserve(1, day, now: now) else {
      Issue.record("the day has no limit")
      return
    }
    #expect(refusal == KeyRefusal(.tokensPerDay, retryAfterMilliseconds: untilTomorrow))
    #expect(throws: Never.self) { try usage.reserve(1, day, now: now + untilTomorrow).get() }
    let month = Calendar.month(now)
    #expect(month.start <= now && now < month.end)
    #expect(Calendar.month(month.end).start == month.end)
    #expect(Calendar.month(month.end - 1).start == month.start)
  }

  @Test("a clock that is set back neither forgets nor keeps what was used for ever")
  func clockSetBack() throws {
    let usage = KeyUsage()
    let limits = limits(tokens: 100)
    _ = try usage.reserve(100, limits, now: Self.noon).get()
    #expect(throws: KeyRefusal.self) { try usage.reserve(1, limits, now: Self.noon - 3_600_000).get() }
    #expect(throws: Never.self) { try usage.reserve(1, limits, now: Self.noon - 3_600_000 + 61_000).get() }
  }

  @Test("what was used goes on after a restart, but for what is over by then")
  func restored() throws {
    let usage = KeyUsage()
    let limits = limits(requests: 5, tokens: 100, day: 1000, month: 1000)
    #expect(usage.begin(limits, now: Self.noon) == nil)
    _ = try usage.reserve(60, limits, now: Self.noon).get()
    let saved = try #require(usage.changes())
    #expect(usage.changes() == nil)
    let soon = KeyUsage()
    soon.restore(saved, now: Self.noon + 1000)
    #expect(soon.standing(limits, now: Self.noon + 1000).tokens == 40)
    #expect(soon.standing(limits, now: Self.noon + 1000).requests == 4)
    let tomorrow = KeyUsage()
    tomorrow.restore(saved, now: Self.noon + 86_400_000)
    #expect(tomorrow.standing(limits, now: Self.noon + 86_400_000).tokens == 100)
    #expect(tomorrow.changes()?.dayTokens ?? 0 == 0)
    var damaged = KeyUsage.Saved()
    damaged.tokens = "x,1:-5,99999999999999999999:1,:,7"
    damaged.dayTokens = -5
    let odd = KeyUsage()
    odd.restore(damaged, now: Self.noon)
    #expect(odd.standing(limits, now: Self.noon).tokens == 100)
  }

  @Test(
    "in random walks no 60 seconds have more than the limit, and demand gets nearly all of it",
    arguments: 1...8 as ClosedRange<UInt64>)
  func walk(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let usage = KeyUsage()
    let limits = limits(tokens: 10_000)
    var now = Self.noon
    var granted: [(at: UInt64, tokens: Int)] = []
    // Twice the limit for five minutes.
    while now < Self.noon + 300_000 {
      now += UInt64.random(in: 0...600, using: &random)
      let wanted = Int.random(in: 1...200, using: &random)
      guard case .success(let held) = usage.reserve(wanted, limits, now: now) else { continue }
      let used = Int.random(in: 0...wanted, using: &random)
      usage.settle(held, used: used, now: now)
      granted.append((now, used))
    }
    var first = 0
    var sum = 0
    for (place, one) in granted.enumerated() {
      sum += one.tokens
      while granted[first].at + 60_000 <= one.at {
        sum -= granted[first].tokens
        first += 1
      }
      #expect(sum <= 10_000, "\(place)")
    }
    #expect(granted.reduce(0) { $0 + $1.tokens } > 45_000)
  }

  @Test("threads that ask at once get the limit together, to the last token")
  func threads() async {
    let usage = KeyUsage()
    let limits = limits(tokens: 10_000, concurrent: 1000)
    let granted = await withTaskGroup(of: Int.self) { group in
      for _ in 0..<8 {
        group.addTask {
          var granted = 0
          for _ in 0..<5000 {
            guard usage.begin(limits, now: Self.noon) == nil else { continue }
            if case .success = usage.reserve(1, limits, now: Self.noon) { granted += 1 }
            usage.end()
          }
          return granted
        }
      }
      return await group.reduce(0, +)
    }
    #expect(granted == 10_000)
  }
}
