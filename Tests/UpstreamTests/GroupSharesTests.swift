import TestRun
import TestSupport
import Testing
import Upstream

@Suite("Shares of groups", .ownThread) struct GroupSharesTests {
  struct Row: CustomTestStringConvertible {
    /// Healthy backends of a hundred, in each level.
    let healthy: [Int]
    let shares: [Int]
    var panics: [Bool] = []
    var testDescription: String { "\(healthy)" }
  }

  /// "Priority levels" and "Panic threshold" of Envoy's documentation.
  static let table: [Row] = [
    Row(healthy: [100, 100], shares: [100, 0]),
    Row(healthy: [72, 72], shares: [100, 0]),
    Row(healthy: [71, 71], shares: [99, 1]),
    Row(healthy: [50, 60], shares: [70, 30]),
    Row(healthy: [50, 50], shares: [70, 30]),
    Row(healthy: [25, 100], shares: [35, 65]),
    Row(healthy: [25, 25], shares: [50, 50], panics: [true, true]),
    Row(healthy: [5, 65], shares: [7, 93], panics: [true, false]),
    Row(healthy: [0, 100], shares: [0, 100]),
    Row(healthy: [0, 0], shares: [50, 50], panics: [true, true]),
    Row(healthy: [100, 100, 100], shares: [100, 0, 0]),
    Row(healthy: [72, 72, 100], shares: [100, 0, 0]),
    Row(healthy: [71, 71, 100], shares: [99, 1, 0]),
    Row(healthy: [50, 50, 100], shares: [70, 30, 0]),
    Row(healthy: [25, 100, 100], shares: [35, 65, 0]),
    Row(healthy: [25, 25, 100], shares: [35, 35, 30]),
  ]

  private static func percent(_ shares: GroupShares) -> [Int] {
    (0..<shares.count).map { (shares.share($0) * 100 + GroupShares.whole / 2) / GroupShares.whole }
  }

  @Test("levels share by health, as Envoy's tables have it", arguments: table)
  func levels(_ row: Row) {
    let groups = row.healthy.enumerated().map {
      GroupStanding(level: $0, healthy: $1, total: 100)
    }
    let shares = GroupShares(groups, GroupRule())
    #expect(Self.percent(shares) == row.shares)
    let panics = row.panics.isEmpty ? row.healthy.map { _ in false } : row.panics
    #expect(groups.indices.map(shares.panics) == panics)
  }

  @Test(
    "groups of one level share by weight and health, as Envoy's table of localities has it",
    arguments: [(100, 33, 67), (72, 33, 67), (69, 33, 67), (50, 26, 74), (25, 15, 85), (0, 0, 100)])
  func localities(_ healthy: Int, _ first: Int, _ second: Int) {
    let groups = [
      GroupStanding(weight: 1, healthy: healthy, total: 100),
      GroupStanding(weight: 2, healthy: 100, total: 100),
    ]
    #expect(Self.percent(GroupShares(groups, GroupRule())) == [first, second])
  }

  @Test("a threshold of 0 never panics, and without any healthy backend nobody gets anything")
  func never() {
    var rule = GroupRule()
    rule.panicThreshold = 0
    let shares = GroupShares([GroupStanding(healthy: 0, total: 4), GroupStanding(level: 1, total: 4)], rule)
    #expect(Self.percent(shares) == [0, 0] && !shares.panics(0) && shares.group(at: 7) == nil)
  }

  @Test("numbers fall on groups as their shares say")
  func numbers() {
    let groups = [
      GroupStanding(weight: 1, healthy: 4, total: 4), GroupStanding(weight: 3, healthy: 4, total: 4),
    ]
    let shares = GroupShares(groups, GroupRule())
    let found = (0..<1000).map { shares.group(at: UInt64($0) * (UInt64.max / 1000)) }
    #expect((249...251).contains(found.filter { $0 == 0 }.count) && !found.contains(nil))
  }

  @Test(
    "whatever the health, everything is shared, to those alone that can answer or panic", arguments: 0..<20)
  func walk(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<500 {
      var rule = GroupRule()
      rule.overprovisioning = Int.random(in: 100...200, using: &random)
      rule.panicThreshold = Int.random(in: 0...100, using: &random)
      var level = 0
      let groups = (0..<Int.random(in: 1...10, using: &random)).map { _ in
        level += Int.random(in: 0...1, using: &random)
        let total = Int.random(in: 1...20, using: &random)
        return GroupStanding(
          level: level, weight: Int.random(in: 1...1000, using: &random),
          healthy: Int.random(in: 0...total, using: &random), total: total)
      }
      let shares = GroupShares(groups, rule)
      let all = groups.indices.map(shares.share)
      let anybody = groups.contains { $0.healthy > 0 } || rule.panicThreshold > 0
      #expect(all.reduce(0, +) == (anybody ? GroupShares.whole : 0), "\(groups) \(rule)")
      for (place, group) in groups.enumerated() {
        #expect(all[place] >= 0)
        #expect(all[place] == 0 || group.healthy > 0 || shares.panics(place), "\(groups) \(rule)")
      }
      // A level whose backends are all healthy leaves nothing to the levels behind it.
      let levels = Set(groups.map(\.level)).sorted()
      let full = levels.first { level in
        groups.allSatisfy { $0.level != level || $0.healthy == $0.total }
      }
      for (place, group) in groups.enumerated() where full.map({ group.level > $0 }) == true {
        #expect(all[place] == 0, "\(groups)")
      }
    }
  }
}
