import TestSupport
import TestRun
import Testing
import Upstream

/// A service to choose from, with defaults for what a test does not care about.
private final class Backends: Candidates {
  var weights: [Int]
  var loads: [Int]
  var unusable: Set<Int> = []
  var cursor = 0

  init(_ count: Int) {
    weights = [Int](repeating: 1, count: count)
    loads = [Int](repeating: 0, count: count)
  }

  init(weights: [Int]) {
    self.weights = weights
    loads = [Int](repeating: 0, count: weights.count)
  }

  func pick(_ policy: Balancer.Policy = .roundRobin, tried: BackendSet = BackendSet()) -> Int? {
    var next = cursor
    defer { cursor = next }
    return Balancer.pick(policy, self, cursor: &next, tried: tried)
  }

  var count: Int { weights.count }
  func isUsable(_ index: Int) -> Bool { !unusable.contains(index) }
  func load(_ index: Int) -> Int { loads[index] }
  func weight(_ index: Int) -> Int { weights[index] }

  func picks(_ count: Int, _ policy: Balancer.Policy = .roundRobin) -> [Int?] {
    (0..<count).map { _ in pick(policy) }
  }
}

@Suite(.ownThread) struct BalancerTests {
  @Test("backends of equal weight are taken strictly in turn", arguments: [1, 7, 1000])
  func inTurn(_ weight: Int) {
    let backends = Backends(weights: [weight, weight, weight])
    #expect(backends.picks(7) == [0, 1, 2, 0, 1, 2, 0])
  }

  @Test("nobody is chosen when there is nobody", arguments: Balancer.Policy.allCases)
  func nobody(_ policy: Balancer.Policy) {
    let none = Backends(0)
    #expect(none.pick(policy) == nil)
    let down = Backends(3)
    down.unusable = [0, 1, 2]
    #expect(down.pick(policy) == nil)
    let tried = Backends(3)
    #expect(tried.pick(policy, tried: BackendSet(0..<3)) == nil)
  }

  @Test("unhealthy and tried backends are passed over", arguments: Balancer.Policy.allCases)
  func passedOver(_ policy: Balancer.Policy) {
    let backends = Backends(4)
    backends.unusable = [1]
    let picks = backends.picks(40, policy)
    #expect(picks.allSatisfy { $0 == 0 || $0 == 2 || $0 == 3 })
    if !policy.draws, !policy.goesByKey { #expect(picks.prefix(4) == [0, 2, 3, 0]) }
    let rest = (0..<4).map { _ in backends.pick(policy, tried: BackendSet([0, 2])) }
    #expect(rest == [3, 3, 3, 3])
  }

  @Test("the cursor may stand anywhere", arguments: [Int.min, -1, 0, 3, 64, 1024, Int.max])
  func anyCursor(_ cursor: Int) {
    for weights in [[1, 1, 1], [1, 2, 3]] {
      for policy in Balancer.Policy.allCases {
        let backends = Backends(weights: weights)
        backends.cursor = cursor
        for _ in 0..<10 { #expect(backends.pick(policy).map { (0..<3).contains($0) } == true) }
      }
    }
  }

  @Test("as many backends as there may be are all chosen")
  func most() {
    let backends = Backends(Balancer.maximumBackends)
    let count = Balancer.maximumBackends
    #expect(count >= 1024)
    #expect(backends.picks(count) == Array(0..<count))
    for last in [63, 64, 65, 127, 128, count - 1] {
      backends.unusable = Set(0..<count).subtracting([last])
      for policy in Balancer.Policy.allCases { #expect(backends.pick(policy) == last) }
      #expect(backends.pick(tried: BackendSet([last])) == nil)
    }
  }

  @Test("more backends than there may be are not looked at")
  func tooMany() {
    let backends = Backends(Balancer.maximumBackends + 36)
    #expect(backends.picks(Balancer.maximumBackends + 1).last == 0)
  }

  @Test("the fewest exchanges under way win, equals in turn")
  func leastRequest() {
    let backends = Backends(4)
    backends.loads = [5, 2, 2, 9]
    #expect(backends.picks(4, .leastRequest) == [1, 2, 1, 2])
    backends.loads = [0, 2, 2, 9]
    #expect(backends.picks(2, .leastRequest) == [0, 0])
  }

  @Test("load counts for its weight")
  func weightedLeastRequest() {
    let backends = Backends(weights: [1, 10])
    backends.loads = [1, 9]
    #expect(backends.picks(3, .leastRequest) == [1, 1, 1])
    backends.loads = [1, 11]
    #expect(backends.picks(3, .leastRequest) == [0, 0, 0])
  }

  @Test("idle backends share by weight, also by least-request")
  func idleShares() {
    let backends = Backends(weights: [1, 3])
    let picks = backends.picks(4000, .leastRequest)
    #expect(abs(picks.count { $0 == 1 } - 3000) <= 4)
  }

  @Test("loads and weights out of range do not trap")
  func extremes() {
    let backends = Backends(weights: [Int.min, Int.max, 0])
    backends.loads = [Int.max, Int.min, -1]
    for policy in Balancer.Policy.allCases { for _ in 0..<10 { #expect(backends.pick(policy) != nil) } }
  }

  @Test(
    "every run of choices stays within a few of each backend's share",
    arguments: 1...20 as ClosedRange<UInt64>)
  func shares(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let count = Int.random(in: 2...12, using: &random)
    let weights = (0..<count).map { _ in Int.random(in: 1...1000, using: &random) }
    let backends = Backends(weights: weights)
    backends.cursor = Int.random(in: 0...1_000_000, using: &random)
    var chosen = [Int](repeating: 0, count: count)
    let total = weights.reduce(0, +)
    for n in 1...5000 {
      guard let pick = backends.pick() else { return #expect(Bool(false), "nobody was chosen") }
      chosen[pick] += 1
      let share = Double(n) * Double(weights[pick]) / Double(total)
      #expect(abs(Double(chosen[pick]) - share) < 5)
    }
    for i in 0..<count {
      #expect(abs(Double(chosen[i]) - 5000 * Double(weights[i]) / Double(total)) < 5)
    }
  }

  @Test("a heavy backend is not chosen in one long run")
  func smooth() {
    let backends = Backends(weights: [5, 1, 1])
    let picks = backends.picks(700)
    var run = 0
    for pick in picks {
      run = pick == 0 ? run + 1 : 0
      #expect(run <= 7)
    }
    #expect(abs(picks.count { $0 == 0 } - 500) <= 4)
  }

  @Test("an unhealthy backend's share goes to the others by weight")
  func shareOfTheUnhealthy() {
    let backends = Backends(weights: [8, 2, 1])
    backends.unusable = [0]
    let picks = backends.picks(3000)
    #expect(abs(picks.count { $0 == 1 } - 2000) <= 4)
    #expect(!picks.contains(0))
  }
}

@Suite(.ownThread) struct HealthTrackerTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let unhealthy: Int
    let healthy: Int
    /// `+` and `-` for results.
    let results: String
    /// What is thought after each: `h`, `u`.
    let health: String
    var testDescription: String { "\(unhealthy)/\(healthy) \(results)" }
  }

  @Test(
    "results become health by thresholds, and only changes are told",
    arguments: [
      Case(unhealthy: 3, healthy: 2, results: "+", health: "h"),
      Case(unhealthy: 3, healthy: 2, results: "-", health: "u"),
      Case(unhealthy: 3, healthy: 2, results: "+--+---", health: "hhhhhhu"),
      Case(unhealthy: 3, healthy: 2, results: "+---+-++", health: "hhhuuuuh"),
      Case(unhealthy: 1, healthy: 1, results: "+-+-", health: "huhu"),
      Case(unhealthy: 0, healthy: -5, results: "+-+-", health: "huhu"),
      Case(unhealthy: 2, healthy: 3, results: "-+++--+-+++", health: "uuuhhuuuuuh"),
    ])
  func thresholds(_ expected: Case) {
    var tracker = HealthTracker(unhealthyThreshold: expected.unhealthy, healthyThreshold: expected.healthy)
    #expect(tracker.health == .unknown)
    var seen = ""
    for result in expected.results {
      let before = tracker.health
      let changed = tracker.record(success: result == "+")
      #expect(changed == (tracker.health != before))
      seen += tracker.health == .healthy ? "h" : "u"
    }
    #expect(seen == expected.health)
  }

  @Test("what was known before a reload is not forgotten by its first result")
  func goesOn() {
    var known = HealthTracker(unhealthyThreshold: 2, healthyThreshold: 2, health: .healthy)
    let first = known.record(success: false)
    #expect(!first && known.health == .healthy)
    let second = known.record(success: false)
    #expect(second && known.health == .unhealthy)
    var down = HealthTracker(unhealthyThreshold: 2, healthyThreshold: 2, health: .unhealthy)
    let up = down.record(success: true)
    #expect(!up && down.health == .unhealthy)
  }

  @Test("a set of backends holds every place and no other")
  func set() {
    var set = BackendSet()
    for place in [0, 1, 63, 64, 511, 1023] { set.insert(place) }
    for place in [-1, 1024, Int.max, Int.min] {
      set.insert(place)
      #expect(!set.contains(place))
    }
    #expect(set.count == 6 && (0..<1024).filter { set.contains($0) } == [0, 1, 63, 64, 511, 1023])
  }

  @Test("a backend's status tells its health and the exchanges under way")
  func status() {
    let status = BackendStatus(name: "chat 10.0.0.1:8000")
    #expect(status.health == .unknown)
    status.health = .unhealthy
    #expect(status.health == .unhealthy)
    status.begin()
    status.begin()
    status.end()
    #expect(status.inFlight == 1)
  }
}
