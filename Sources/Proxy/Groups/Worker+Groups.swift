internal import EventLoop
internal import Upstream

// Services whose backends stand in groups: by what of each is healthy now it is drawn which group has a request, and its
// service's policy chooses in there. What one group has no room for goes to the next.
extension Worker {
  /// A backend for a request, by groups; `maximumRequests` under way at which one has no room, 0 for no limit.
  @inline(never)
  func pickInGroups(
    _ service: UnsafeMutablePointer<ServiceEntry>, _ groups: UnsafeMutablePointer<CompiledGroups>,
    tried: BackendSet, _ model: Ref<ModelRequest>?, maximumRequests: Int = 0
  ) -> Int? {
    let (shares, count) = unsafe (shares(service, groups), groups.pointee.count)
    let first = unsafe shares.group(at: number(service, groups, model))
    for time in [nowMilliseconds, .max] {
      let all = unsafe candidates(service, model, sparing: time, maximumRequests: maximumRequests)
      for turn in -1..<count {
        guard let group = turn < 0 ? first : turn, turn != first else { continue }
        let pools = unsafe GroupPools(
          pools: all, members: groups.pointee.groups[group].members, panics: shares.panics(group))
        let found = unsafe Balancer.pick(
          service.pointee.policy, pools, cursor: &service.pointee.cursor, tried: tried)
        if let found { return found }
      }
    }
    return nil
  }

  /// What each group gets of the requests now.
  @inline(never)
  func shares(
    _ service: UnsafeMutablePointer<ServiceEntry>, _ groups: UnsafeMutablePointer<CompiledGroups>
  ) -> GroupShares {
    let all = unsafe candidates(service, nil, sparing: nowMilliseconds, maximumRequests: 0)
    let standings = unsafe (0..<groups.pointee.count).map { place in
      let group = unsafe groups.pointee.groups[place]
      var standing = GroupStanding(level: group.level, weight: group.weight)
      for backend in 0..<all.count where group.members.contains(backend) {
        standing.total += 1
        if all.isUsable(backend) { standing.healthy += 1 }
      }
      return standing
    }
    return unsafe GroupShares(standings, groups.pointee.rule)
  }

  /// What decides on a group: requests that belong together have the same one, others are spread evenly.
  private func number(
    _ service: UnsafeMutablePointer<ServiceEntry>, _ groups: UnsafeMutablePointer<CompiledGroups>,
    _ model: Ref<ModelRequest>?
  ) -> UInt64 {
    if unsafe service.pointee.policy.goesByKey || service.pointee.readsPrompts, let model {
      let blocks = unsafe prompts.blocks(of: model)
      let key = unsafe blocks.first ?? model.session
      if key != 0 { return Rendezvous.rank(key, 0) }
    }
    unsafe groups.pointee.cursor &+= 0x9E37_79B9_7F4A_7C15
    return unsafe groups.pointee.cursor
  }
}
