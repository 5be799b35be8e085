internal import Exchange
internal import Upstream

/// A service's groups of backends, as the request path sees them, in the order of their levels.
@safe struct CompiledGroups: BitwiseCopyable {
  struct Group: BitwiseCopyable {
    /// Where it stands in the settings.
    let place: Int
    let level: Int
    let weight: Int
    let members: BackendSet
  }

  let groups: UnsafeMutablePointer<Group>
  let count: Int
  let rule: GroupRule
  /// Goes on with each choice.
  var cursor: UInt64 = 0

  /// A level for each priority, and in it one for groups of this node's zone before one for the others.
  init(_ service: Settings.Service, _ arena: Arena) {
    rule = service.rules.groupRule
    let all = service.groups.enumerated().sorted {
      ($0.element.priority, $0.element.isElsewhere ? 1 : 0, $0.offset)
        < ($1.element.priority, $1.element.isElsewhere ? 1 : 0, $1.offset)
    }
    .prefix(GroupShares.maximumGroups)
    count = all.count
    unsafe groups = unsafe arena.array(of: Group.self, count: max(1, count))
    var level = 0
    var last: Settings.Group?
    for (place, group) in all.enumerated() {
      let one = group.element
      if let last, last.priority != one.priority || last.isElsewhere != one.isElsewhere { level += 1 }
      last = one
      let members = BackendSet(service.backends.indices.filter { service.backends[$0].group == group.offset })
      unsafe (groups + place).initialize(
        to: Group(place: group.offset, level: level, weight: one.weight, members: members))
    }
  }
}

/// The backends of one group, as a worker sees them at one moment.
@safe struct GroupPools: Candidates {
  let pools: Pools
  let members: BackendSet
  /// Backends that are not healthy get requests as well.
  let panics: Bool

  var count: Int { pools.count }

  func isUsable(_ index: Int) -> Bool {
    members.contains(index) && (pools.isUsable(index) || panics && pools.isThere(index))
  }
  func load(_ index: Int) -> Int { pools.load(index) }
  func weight(_ index: Int) -> Int { pools.weight(index) }
  func wait(_ index: Int) -> UInt64 { pools.wait(index) }
  func fill(_ index: Int) -> Int { pools.fill(index) }
  func rank(_ index: Int) -> UInt64 { pools.rank(index) }
  var hasPrompt: Bool { pools.hasPrompt }
  var key: UInt64 { pools.key }
  func keyRank(_ index: Int) -> UInt64 { pools.keyRank(index) }
  func latency(_ index: Int) -> UInt64 { pools.latency(index) }
  var keyTable: Unmanaged<KeyTable>? { unsafe pools.keyTable }
  var balanceFactor: Int { pools.balanceFactor }
}

extension Pools {
  /// Whether it could be asked although it is not healthy: an operator has not taken it out, and it has room.
  @inline(never)
  func isThere(_ index: Int) -> Bool {
    let pool = unsafe service.pointee.pools[index].takeUnretainedValue()
    let status = unsafe pool.status.takeUnretainedValue()
    return pool.hasAddress && !status.isDrained && (maximumRequests == 0 || status.inFlight < maximumRequests)
  }
}
