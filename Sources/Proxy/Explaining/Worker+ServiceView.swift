internal import EventLoop
internal import Exchange
internal import ModelAPI
internal import Upstream

// One service as a request would find it: its backends, and the choice between them.
extension Worker {
  /// `model` is what is known of the request; its prompt is for an engine that gets `name`.
  @inline(never)
  func view(
    _ service: UnsafeMutablePointer<ServiceEntry>, _ model: Ref<ModelRequest>, _ reading: RouteReading,
    _ name: String?
  ) -> RouteExplanation.ServiceView {
    // Other prompts have been read since by others, who have to find them again.
    var kept = PromptBlocks()
    swap(&kept, &prompts)
    let (cursor, groups) = unsafe (service.pointee.cursor, service.pointee.groups)
    let turn = unsafe groups?.pointee.cursor ?? 0
    defer {
      swap(&kept, &prompts)
      unsafe service.pointee.cursor = cursor
      unsafe groups?.pointee.cursor = turn
    }
    if model.tokens > 0 {
      let room = unsafe prompts.begin()
      for (place, block) in reading.blocks.enumerated() { unsafe room[place] = block }
      prompts.finish(reading.blocks.count, model: Rendezvous.hash((name ?? "").utf8))
      (model.isRead, model.reading, model.blocks) = (true, prompts.reading, reading.blocks.count)
    }
    let settings = unsafe snapshot.settings.services[service.pointee.index]
    var out = RouteExplanation.ServiceView(name: settings.name)
    let room = unsafe service.pointee.room?.takeUnretainedValue()
    if let room, room.maximum > 0 {
      out.maximumRequests = room.maximum
      (out.waiting, out.queueSize) = (room.standing.waiting, settings.rules.queue.size)
    }
    for place in unsafe 0..<service.pointee.count {
      out.backends.append(unsafe view(place, service, model, maximum: out.maximumRequests ?? 0))
    }
    unsafe choose(service, model, &out)
    return out
  }

  /// By the functions that choose for requests.
  private func choose(
    _ service: UnsafeMutablePointer<ServiceEntry>, _ model: Ref<ModelRequest>,
    _ out: inout RouteExplanation.ServiceView
  ) {
    guard let maximum = out.maximumRequests else {
      out.choice = unsafe choose(service, tried: BackendSet(), model)
      out.reason = unsafe reason(service, model, out)
      return
    }
    guard let time = unsafe sparingTime(service, tried: BackendSet()) else {
      out.reason = "no backend may get requests: it is answered 503"
      return
    }
    if out.waiting == 0 {
      out.choice = unsafe pickWithRoom(
        service, tried: BackendSet(), model, sparing: time, maximumRequests: maximum)
    }
    guard out.choice == nil else {
      out.reason = unsafe reason(service, model, out)
      return
    }
    out.reason =
      out.waiting >= out.queueSize
      ? "no backend has room and the queue is full: it is answered 429, or takes the place of one less urgent"
      : "no backend has room: it waits behind \(out.waiting) others"
  }

  private func view(
    _ place: Int, _ service: UnsafeMutablePointer<ServiceEntry>, _ model: Ref<ModelRequest>, maximum: Int
  ) -> RouteExplanation.BackendView {
    let all = unsafe candidates(service, model, sparing: nowMilliseconds, maximumRequests: 0)
    let pool = unsafe service.pointee.pools[place].takeUnretainedValue()
    let status = unsafe pool.status.takeUnretainedValue()
    let (slow, now) = unsafe (service.pointee.slowStart, nowMilliseconds)
    var out = RouteExplanation.BackendView(name: pool.settings.key, state: .healthy)
    out.warmth = slow > 0 ? status.warmth(nowMilliseconds: now, slowStart: slow) : 100
    out.ejectedMilliseconds = status.ejectedMilliseconds(nowMilliseconds: now)
    (out.weight, out.load) = (pool.weight, all.load(place))
    (out.requests, out.connections) = (status.inFlight, status.connections)
    (out.tokensInFlight, out.rate) = (status.engine.prefill, status.engine.rate)
    let blocks = unsafe prompts.blocks(of: model)
    let known = unsafe status.engine.index.match(Span(_unsafeElements: blocks))
    out.knownTokens = min(model.tokens, model.element.tokens(ofBlocks: known))
    if unsafe service.pointee.policy == .modelAware { out.waitMicroseconds = all.wait(place) }
    if unsafe service.pointee.policy == .peakEWMA { out.latencyMicroseconds = all.latency(place) }
    out.hasRoom = maximum == 0 || status.inFlight < maximum
    out.mayHaveModel = model.wanted == 0 || status.engine.models.mayHave(model.wanted)
    let standsStill = unsafe service.pointee.readsPrompts && status.engine.isSuspended(nowMilliseconds: now)
    let isUsable = unsafe pool.isUsable(service.pointee.maximumConnections)
    out.state =
      if !pool.hasAddress { .unresolved } else if status.isDrained {
        .drained
      } else if status.health
        == .unhealthy
      { .unhealthy } else if !isUsable { .full } else if out.ejectedMilliseconds > 0 {
        .ejected
      } else if standsStill { .standsStill } else if out.warmth < 100 {
        .slowStart
      } else if status.health == .unknown { .unchecked } else { .healthy }
    return out
  }

  /// Why the one that is chosen, in words.
  private func reason(
    _ service: UnsafeMutablePointer<ServiceEntry>, _ model: Ref<ModelRequest>,
    _ view: RouteExplanation.ServiceView
  ) -> String {
    guard let choice = view.choice else { return "no backend may get requests: it is answered 503" }
    let (own, others) = (view.backends[choice], view.backends.indices.filter { $0 != choice })
    if others.isEmpty { return "the only backend" }
    if let groups = unsafe service.pointee.groups { return unsafe groupReason(choice, service, groups) }
    if [.ejected, .standsStill].contains(own.state) {
      return "nobody else may get requests; \(own.state.rawValue), but better than nobody"
    }
    func usable(_ place: Int) -> Bool {
      let one = view.backends[place]
      return [.healthy, .unchecked, .slowStart].contains(one.state) && one.hasRoom && one.mayHaveModel
    }
    guard others.contains(where: usable) else { return "the only one that may get it" }
    switch unsafe service.pointee.policy {
    case .modelAware: return Self.modelReason(own, others.filter(usable).map { view.backends[$0] })
    case .roundRobin: return "its turn"
    case .leastRequest: return "the fewest requests for its weight, in turn among equals"
    case .random: return "drawn by weight; the next draw may fall on another one"
    case .powerOfTwoChoices: return "the less busy of two that were drawn; the next draw may fall on others"
    case .peakEWMA: return "the sooner answer of two that were drawn; the next draw may fall on others"
    case .ringHash, .maglev:
      return unsafe service.pointee.keySource.kind == .prompt && model.blocks > 0
        ? "the prompt's beginning falls on it, or on one that has more than its share"
        : "its key falls on it, or on one that has more than its share"
    }
  }

  private func groupReason(
    _ choice: Int, _ service: UnsafeMutablePointer<ServiceEntry>,
    _ groups: UnsafeMutablePointer<CompiledGroups>
  ) -> String {
    let shares = unsafe shares(service, groups)
    let own = unsafe (0..<groups.pointee.count).first {
      unsafe groups.pointee.groups[$0].members.contains(choice)
    }
    guard let own else { return "it stands in no group" }
    let (place, share) = unsafe (groups.pointee.groups[own].place, shares.share(own))
    let panics = shares.panics(own) ? ", whether they are healthy or not" : ""
    return
      "by the policy among its group, groups[\(place)], which gets \(share * 100 / GroupShares.whole) % of the requests now\(panics)"
  }

  private static func modelReason(
    _ own: RouteExplanation.BackendView, _ others: [RouteExplanation.BackendView]
  ) -> String {
    func milliseconds(_ one: RouteExplanation.BackendView) -> String {
      let tenths = (one.waitMicroseconds ?? 0) / 100
      return "\(tenths / 10).\(tenths % 10) ms"
    }
    let next = others.min { ($0.waitMicroseconds ?? 0) < ($1.waitMicroseconds ?? 0) } ?? own
    if own.waitMicroseconds == next.waitMicroseconds {
      return
        "expected wait \(milliseconds(own)), as elsewhere; where nothing else tells them apart, the prompt's beginning or "
        + "the session decides, then whose turn it is"
    }
    let known =
      own.knownTokens > next.knownTokens ? ", with \(own.knownTokens) tokens of the prompt known" : ""
    return "the shortest expected wait: \(milliseconds(own))\(known); the next one's is \(milliseconds(next))"
  }
}
