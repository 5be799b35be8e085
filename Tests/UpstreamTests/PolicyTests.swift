import TestRun
import TestSupport
import Testing
import Upstream

/// Backends with names, and a table where keys fall.
private struct Peers: Candidates {
  var names: [UInt64]
  var weights: [Int]
  var loads: [Int]
  var latencies: [UInt64]
  var unusable: Set<Int> = []
  var balanceFactor = 0
  var key: UInt64 = 0
  var table: KeyTable?
  var cursor = 7

  init(_ names: some Sequence<Int>, weights: [Int]? = nil, _ form: KeyTable.Form? = nil) {
    self.names = names.map { Rendezvous.hash("10.0.\($0 / 256).\($0 % 256):8000".utf8) }
    let weights = weights ?? self.names.map { _ in 1 }
    self.weights = weights
    loads = self.names.map { _ in 0 }
    latencies = self.names.map { _ in 1000 }
    table = form.map { form in
      KeyTable(form, zip(self.names, weights).map { KeyTable.Member(name: $0, weight: $1) })
    }
  }

  var count: Int { names.count }
  func isUsable(_ index: Int) -> Bool { !unusable.contains(index) }
  func load(_ index: Int) -> Int { loads[index] }
  func weight(_ index: Int) -> Int { weights[index] }
  func latency(_ index: Int) -> UInt64 { latencies[index] }
  var keyTable: Unmanaged<KeyTable>? { table.map { unsafe Unmanaged.passUnretained($0) } }

  mutating func pick(_ policy: Balancer.Policy, tried: BackendSet = BackendSet()) -> Int? {
    var next = cursor
    defer { cursor = next }
    return Balancer.pick(policy, self, cursor: &next, tried: tried)
  }

  mutating func pick(_ policy: Balancer.Policy, key: UInt64) -> Int? {
    self.key = key
    return pick(policy)
  }

  /// How many of so many requests each gets.
  mutating func shares(_ policy: Balancer.Policy, of requests: Int) -> [Int] {
    var shares = names.map { _ in 0 }
    for key in 0..<requests {
      if let chosen = pick(policy, key: Rendezvous.hash("session \(key)".utf8)) { shares[chosen] += 1 }
    }
    return shares
  }
}

extension KeyTable.Form {
  fileprivate var policy: Balancer.Policy { self == .ring ? .ringHash : .maglev }
}

@Suite("Policies that draw, and those that go by a key", .ownThread) struct PolicyTests {
  private static let forms: [KeyTable.Form] = [.ring, .maglev]

  @Test(
    "lots fall by weight, also among those that are left",
    arguments: [Balancer.Policy.random, .powerOfTwoChoices, .peakEWMA])
  func lots(_ policy: Balancer.Policy) {
    var even = Peers(0..<4)
    for share in even.shares(policy, of: 8000) { #expect(abs(share - 2000) < 200) }
    var uneven = Peers(0..<3, weights: [1, 4, 5])
    uneven.unusable = [2]
    let shares = uneven.shares(policy, of: 10_000)
    // Of two that are left the second draw is certain: equals stay with the first.
    #expect(abs(shares[0] - 2000) < 200 && shares[2] == 0, "\(shares)")
  }

  @Test("two runs that begin with the same number choose the same, others do not")
  func chances() {
    var runs = [1, 1, 2].map { seed in
      var peers = Peers(0..<16)
      peers.cursor = seed
      return peers
    }
    let picks = runs.indices.map { run in (0..<50).map { _ in runs[run].pick(.random) } }
    #expect(picks[0] == picks[1] && picks[0] != picks[2])
  }

  @Test("the less busy one of two has the request, and the busiest of all none")
  func twoChoices() {
    var peers = Peers(0..<8)
    peers.loads = [9, 1, 2, 3, 4, 5, 6, 7]
    let shares = peers.shares(.powerOfTwoChoices, of: 8000)
    #expect(shares[0] == 0 && shares[1] > shares[2] && shares[2] > shares[7])
    // Filled one by one, they stay nearly even.
    var filled = Peers(0..<64)
    for _ in 0..<6400 { if let chosen = filled.pick(.powerOfTwoChoices) { filled.loads[chosen] += 1 } }
    #expect((filled.loads.max() ?? 0) - (filled.loads.min() ?? 0) < 12)
  }

  @Test("load counts for its weight where two are drawn")
  func weightedChoices() {
    var peers = Peers(0..<2, weights: [1, 10])
    peers.loads = [1, 9]
    #expect((0..<20).allSatisfy { _ in peers.pick(.powerOfTwoChoices) == 1 })
    peers.loads = [1, 11]
    #expect((0..<20).allSatisfy { _ in peers.pick(.powerOfTwoChoices) == 0 })
  }

  @Test("a backend whose answers take three times as long has three times as few under way")
  func peakEWMA() {
    var peers = Peers(0..<2)
    peers.latencies = [3000, 1000]
    for _ in 0..<400 { if let chosen = peers.pick(.peakEWMA) { peers.loads[chosen] += 1 } }
    #expect(abs(peers.loads[0] - 100) < 5, "\(peers.loads)")
  }

  @Test("a key falls on one backend, in whatever order they are written", arguments: forms)
  func sameEverywhere(_ form: KeyTable.Form) {
    var one = Peers(0..<20, form)
    var other = Peers((0..<20).reversed(), form)
    for key in 0..<UInt64(2000) {
      let (first, second) = (one.pick(form.policy, key: key), other.pick(form.policy, key: key))
      #expect(first != nil && first == second.map { 19 - $0 })
    }
  }

  @Test("keys are shared by weight", arguments: forms)
  func weights(_ form: KeyTable.Form) {
    var even = Peers(0..<10, form)
    for share in even.shares(form.policy, of: 20_000) { #expect(abs(share - 2000) < 500, "\(share)") }
    var uneven = Peers(0..<4, weights: [1, 2, 3, 4], form)
    let shares = uneven.shares(form.policy, of: 20_000)
    for (index, share) in shares.enumerated() { #expect(abs(share - 2000 * (index + 1)) < 600, "\(shares)") }
  }

  @Test("a backend that comes takes its share, and others keep what they had", arguments: forms)
  func movement(_ form: KeyTable.Form) {
    var before = Peers(0..<19, form)
    var after = Peers(0..<20, form)
    var (moved, elsewhere) = (0, 0)
    for key in 0..<UInt64(10_000) {
      let (old, new) = (before.pick(form.policy, key: key), after.pick(form.policy, key: key))
      if old != new { if new == 19 { moved += 1 } else { elsewhere += 1 } }
    }
    #expect(abs(moved - 500) < 200)
    // A ring moves no key between those that stay, Maglev's table few (its paper, §5.3).
    #expect(form == .ring ? elsewhere == 0 : elsewhere < 500, "\(elsewhere)")
  }

  @Test("the keys of one that is gone, or has been tried, are spread over the others", arguments: forms)
  func unusable(_ form: KeyTable.Form) {
    var peers = Peers(0..<10, form)
    let keys = (0..<UInt64(10_000)).filter { peers.pick(form.policy, key: $0) == 3 }
    let kept = (0..<UInt64(1000)).filter { !keys.contains($0) }.map { peers.pick(form.policy, key: $0) }
    peers.unusable = [3]
    var heirs: Set<Int> = []
    for key in keys { if let heir = peers.pick(form.policy, key: key) { heirs.insert(heir) } }
    #expect(heirs.count == 9 && !heirs.contains(3))
    #expect((0..<UInt64(1000)).filter { !keys.contains($0) }.map { peers.pick(form.policy, key: $0) } == kept)
    peers.key = keys[0]
    let rest = peers.pick(form.policy, tried: BackendSet((0..<10).filter { $0 != 8 }))
    #expect(rest == 8)
  }

  @Test(
    "nobody has more than its share of what is under way, times the factor",
    arguments: forms, [101, 125, 200])
  func bounded(_ form: KeyTable.Form, _ factor: Int) {
    var peers = Peers(0..<8, weights: [1, 1, 1, 1, 2, 2, 4, 4], form)
    peers.balanceFactor = factor
    var random = SeededGenerator(seed: UInt64(factor))
    for total in 1...2000 {
      // One key has half of all requests.
      let key = Bool.random(using: &random) ? 1 : UInt64.random(in: 0...50, using: &random)
      guard let chosen = peers.pick(form.policy, key: key) else { return #expect(Bool(false)) }
      peers.loads[chosen] += 1
      let most = (total * factor * peers.weights[chosen] + 1599) / 1600
      #expect(peers.loads[chosen] <= most, "\(peers.loads)")
    }
    // Without a factor the key stays where it falls.
    peers.balanceFactor = 0
    let first = peers.pick(form.policy, key: 1)
    if let first { peers.loads[first] = 1 << 40 }
    #expect(peers.pick(form.policy, key: 1) == first)
  }

  @Test(
    "as many backends as there may be all have keys, and the last one that is left has all", arguments: forms)
  func most(_ form: KeyTable.Form) {
    var peers = Peers(0..<Balancer.maximumBackends, form)
    let shares = peers.shares(form.policy, of: 60_000)
    #expect(shares.allSatisfy { $0 > 0 })
    peers.balanceFactor = 125
    peers.unusable = Set(0..<Balancer.maximumBackends).subtracting([700])
    for key in 0..<UInt64(20) { #expect(peers.pick(form.policy, key: key) == 700) }
  }

  @Test("whatever loads, weights and keys there are, somebody usable is chosen", arguments: 1...20)
  func anything(_ seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    let count = Int.random(in: 1...40, using: &random)
    let weights = (0..<count).map { _ in [Int.min, 0, 1, 7, 1000, Int.max].randomElement(using: &random) ?? 1
    }
    for form in Self.forms {
      var peers = Peers(0..<count, weights: weights, form)
      for _ in 0..<200 {
        peers.balanceFactor = [Int.min, 0, 101, 125, Int.max].randomElement(using: &random) ?? 0
        peers.loads = peers.loads.map { _ in [Int.min, 0, 3, 90, Int.max].randomElement(using: &random) ?? 0 }
        peers.latencies = peers.latencies.map { _ in [0, 5000, UInt64.max].randomElement(using: &random) ?? 0
        }
        peers.unusable = Set((0..<count).filter { _ in Int.random(in: 0..<4, using: &random) == 0 })
        for policy in Balancer.Policy.allCases {
          let chosen = peers.pick(policy, key: .random(in: .min ... .max, using: &random))
          #expect((chosen == nil) == (peers.unusable.count == count))
          if let chosen { #expect(!peers.unusable.contains(chosen)) }
        }
      }
    }
  }
}

@Suite("How long a backend's answers take, and how warm it is", .ownThread) struct LatencyTests {
  @Test("a slow answer counts at once, quick ones by and by, and silence makes it forgotten")
  func peaks() {
    let latency = Latency()
    #expect(latency.expected(nowMilliseconds: 5) == Latency.prior)
    latency.record(microseconds: 2000, nowMilliseconds: 1000)
    #expect(latency.expected(nowMilliseconds: 1000) == 2000)
    latency.record(microseconds: 100_000, nowMilliseconds: 1001)
    #expect(latency.expected(nowMilliseconds: 1001) == 100_000)
    // Half a life later a quick one counts for less than half.
    latency.record(microseconds: 0, nowMilliseconds: 1001 + Latency.halfLifeMilliseconds)
    #expect(latency.expected(nowMilliseconds: 1001 + Latency.halfLifeMilliseconds) == 50_000)
    #expect(latency.expected(nowMilliseconds: 1001 + 3 * Latency.halfLifeMilliseconds) == 12_500)
    #expect(latency.expected(nowMilliseconds: .max) == 0)
    // A clock that stands still or goes back forgets nothing.
    #expect(latency.expected(nowMilliseconds: 0) == 50_000)
    latency.record(microseconds: .max, nowMilliseconds: 9000)
    #expect(latency.expected(nowMilliseconds: 9000) == 3_600_000_000)
  }

  @Test("a backend that has become ready has a tenth of its weight at first, and all of it in the end")
  func slowStart() {
    let status = BackendStatus(name: "a")
    #expect(status.warmth(nowMilliseconds: 10, slowStart: 1000) == 100)
    status.becameReady(nowMilliseconds: 5000)
    let warmth = [5000, 5500, 5999, 6000, 9000, 0].map {
      status.warmth(nowMilliseconds: $0, slowStart: 1000)
    }
    #expect(warmth == [10, 55, 99, 100, 100, 10])
    #expect(status.warmth(nowMilliseconds: 5000, slowStart: 0) == 100)
  }

  @Test("so has one that is back from an ejection")
  func afterEjection() {
    let status = BackendStatus(name: "a")
    var rule = OutlierDetection()
    rule.consecutiveGatewayErrors = 1
    let ejection = status.failed(nowMilliseconds: 1000, rule: rule, ejected: 0, count: 4)
    guard let long = ejection?.milliseconds else { return #expect(Bool(false), "not ejected") }
    #expect(status.warmth(nowMilliseconds: 1000 + long, slowStart: 1000) == 10)
    #expect(status.warmth(nowMilliseconds: 1000 + long + 1000, slowStart: 1000) == 100)
  }
}
