/// How a service's groups share its requests.
public struct GroupRule: Sendable, Equatable, BitwiseCopyable {
  /// How much more a level of groups can bear than its share of backends says, in percent of it: a level passes nothing on to
  /// the next one before so many of its backends have failed that the others could not.
  public var overprovisioning = 140
  /// In a service that is not healthy enough, a level with a smaller share of healthy backends than this, in percent, uses all
  /// of them: too many at once are not ill, but the checks are.
  public var panicThreshold = 50
  /// The defaults, Envoy's.
  public init() {}
}

/// One group at this moment.
public struct GroupStanding: Sendable, Equatable, BitwiseCopyable {
  /// Its level: 0 is asked first.
  public var level = 0
  /// Its share among those of its level.
  public var weight = 1
  /// Backends of it that may get requests.
  public var healthy = 0
  /// All of its backends.
  public var total = 0
  /// A group.
  public init(level: Int = 0, weight: Int = 1, healthy: Int = 0, total: Int = 0) {
    (self.level, self.weight, self.healthy, self.total) = (level, weight, healthy, total)
  }
}

/// What part of a service's requests each of its groups gets: Envoy's priority levels, and within a level weights of
/// localities. Pure.
public struct GroupShares: Sendable, BitwiseCopyable {
  /// The most groups of a service.
  public static let maximumGroups = 64
  /// All requests, in the unit of shares.
  public static let whole = 10_000

  /// How many groups there are.
  public let count: Int
  private var shares = InlineArray<64, Int>(repeating: 0)
  private var panicking: UInt64 = 0

  /// What a group gets, in parts of `whole`.
  public func share(_ group: Int) -> Int { group < count ? shares[group] : 0 }

  /// Whether all backends of a group get requests, be they healthy or not.
  public func panics(_ group: Int) -> Bool { group < count && panicking >> UInt64(group) & 1 == 1 }

  /// Shares of groups, in the order of their levels. What lies beyond `maximumGroups` gets nothing.
  public init(_ groups: some RandomAccessCollection<GroupStanding>, _ rule: GroupRule) {
    count = min(groups.count, Self.maximumGroups)
    var known = InlineArray<64, GroupStanding>(repeating: GroupStanding())
    for (place, group) in groups.prefix(count).enumerated() { known[place] = group }
    let total = share(of: 0, known, rule, allHealth(known, rule))
    // What rounding has left over belongs to the first that gets anything.
    if total < Self.whole, let first = (0..<count).first(where: { shares[$0] > 0 }) {
      shares[first] += Self.whole - total
    }
  }

  /// The group on whose part of all requests a number falls; nil when nobody gets any.
  public func group(at number: UInt64) -> Int? {
    var place = Int(truncatingIfNeeded: number.multipliedFullWidth(by: UInt64(Self.whole)).high)
    for group in 0..<count {
      if place < shares[group] { return group }
      place -= shares[group]
    }
    return nil
  }

  // MARK: Levels

  private func end(of level: Int, from start: Int, _ groups: InlineArray<64, GroupStanding>) -> Int {
    var end = start
    while end < count, groups[end].level == level { end += 1 }
    return end
  }

  private static func health(_ healthy: Int, _ total: Int, _ rule: GroupRule) -> Int {
    total > 0 ? min(whole, rule.overprovisioning * (whole / 100) * max(0, healthy) / total) : 0
  }

  private static func sums(_ range: Range<Int>, _ groups: InlineArray<64, GroupStanding>) -> (Int, Int) {
    var (healthy, total) = (0, 0)
    for place in range {
      healthy += groups[place].healthy
      total += groups[place].total
    }
    return (healthy, total)
  }

  private func allHealth(_ groups: InlineArray<64, GroupStanding>, _ rule: GroupRule) -> Int {
    var (start, sum) = (0, 0)
    while start < count {
      let end = end(of: groups[start].level, from: start, groups)
      let (healthy, total) = Self.sums(start..<end, groups)
      sum += Self.health(healthy, total, rule)
      start = end
    }
    return min(Self.whole, sum)
  }

  /// Shares what is there by levels; gives how much has been.
  private mutating func share(
    of first: Int, _ groups: InlineArray<64, GroupStanding>, _ rule: GroupRule, _ all: Int
  ) -> Int {
    let backends = Self.sums(0..<count, groups).1
    var (start, given) = (first, 0)
    while start < count {
      let end = end(of: groups[start].level, from: start, groups)
      let (healthy, total) = Self.sums(start..<end, groups)
      let own = Self.health(healthy, total, rule)
      var load = all > 0 ? own * Self.whole / all : 0
      // Where nobody is healthy, each level has what its backends are of all.
      if all == 0, rule.panicThreshold > 0, backends > 0 { load = Self.whole * total / backends }
      load = min(load, Self.whole - given)
      let panics = all < Self.whole && healthy * 100 < rule.panicThreshold * total
      given += share(load, start..<end, groups, rule, panics)
      start = end
    }
    return given
  }

  private mutating func share(
    _ load: Int, _ range: Range<Int>, _ groups: InlineArray<64, GroupStanding>, _ rule: GroupRule,
    _ panics: Bool
  ) -> Int {
    func weight(_ place: Int) -> Int {
      let one = groups[place]
      guard one.total > 0 else { return 0 }
      return max(1, min(one.weight, 1_000_000))
        * (panics ? Self.whole : Self.health(one.healthy, one.total, rule))
    }
    var (sum, given) = (0, 0)
    var last: Int?
    for place in range {
      if panics { panicking |= 1 << UInt64(place) }
      sum += weight(place)
      if weight(place) > 0 { last = place }
    }
    guard sum > 0, let last else { return 0 }
    for place in range where weight(place) > 0 {
      let own = place == last ? load - given : load * weight(place) / sum
      shares[place] = own
      given += own
    }
    return given
  }
}
