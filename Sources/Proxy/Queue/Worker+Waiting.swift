internal import EventLoop
internal import Exchange
internal import ModelAPI
internal import Synchronization
internal import Upstream

// Requests that wait for a backend to have room. A backend's count of requests under way is taken for one of them before it
// is called, by whichever worker has met the end of another, so that no backend ever has more than it may.

/// What a request that waits is told.
struct WaitingCall: Sendable {
  let room: ServiceRoom
  /// The backend that counts it already; nil where its place has gone to another one.
  let status: BackendStatus?
  let waiter: WaitingRoom.Waiter
}

extension Worker {
  /// How often those who wait are looked after, in milliseconds: backends come back, or go, without a word to anybody.
  static let waitingLookMilliseconds: UInt64 = 100

  // MARK: Coming in

  /// The request waits until a backend has room.
  @inline(never)
  func waitForRoom(_ exchange: Ref<Exchange>) -> Step {
    guard let service = unsafe exchange.service, let held = unsafe service.pointee.room else {
      return .event(.nobody)
    }
    let room = unsafe held.takeUnretainedValue()
    let model = modelRequest(exchange)
    if model.waitsUntil == 0 { model.waitsUntil = nowMilliseconds &+ room.timeoutMilliseconds }
    guard nowMilliseconds < model.waitsUntil else {
      room.countLate()
      return .event(.waitedTooLong)
    }
    guard let claim = unsafe claim(exchange, model, service) else { return .event(.nobody) }
    let waiter = WaitingRoom.Waiter(
      worker: index, place: UInt64(exchange.slot.index) << 32 | UInt64(exchange.slot.generation),
      sinceMicroseconds: nowNanoseconds / 1000)
    guard let entry = room.enter(waiter, claim, nowMilliseconds: nowMilliseconds) else {
      return .event(.queueFull)
    }
    model.ticket = entry.ticket
    unsafe model.room = unsafe Unmanaged.passRetained(room)
    waiting.append(Token(kind: 0, index: exchange.slot.index, generation: exchange.slot.generation))
    lookAt = min(lookAt, nowMilliseconds &+ Self.waitingLookMilliseconds)
    tendsWaiting = true
    if let other = entry.turnedAway { send(WaitingCall(room: room, status: nil, waiter: other)) }
    // What has become free while it came in is nobody else's to notice.
    unsafe callToAll(service, room)
    return .rest
  }

  /// What its turn depends on; nil where it has been at too many backends.
  private func claim(
    _ exchange: Ref<Exchange>, _ model: Ref<ModelRequest>, _ service: UnsafeMutablePointer<ServiceEntry>
  ) -> WaitingRoom.Claim? {
    var claim = WaitingRoom.Claim()
    claim.key = model.keyHash
    claim.priority = model.priority
    let kept = exchange.client.map { $0.end - $0.start } ?? 0
    claim.tokens = model.tokens > 0 ? model.tokens : (kept + exchange.collected.count) / 4
    guard exchange.tried.count > 0 else { return claim }
    for place in unsafe 0..<service.pointee.count where exchange.tried.contains(place) {
      let number = unsafe service.pointee.pools[place]._withUnsafeGuaranteedRef {
        unsafe $0.status._withUnsafeGuaranteedRef { ServiceRoom.number($0) }
      }
      guard claim.avoids.insert(number) else { return nil }
    }
    return claim
  }

  // MARK: Going

  /// It waits no more, whatever comes of it.
  @inline(never)
  func leaveRoom(_ model: Ref<ModelRequest>) {
    guard let room = unsafe model.room else { return }
    let ticket = model.ticket
    unsafe model.room = nil
    model.ticket = WaitingRoom.Ticket()
    unsafe room._withUnsafeGuaranteedRef { $0.leave(ticket) }
    unsafe room.release()
  }

  /// It has waited as long as it may.
  @inline(never)
  func waitedTooLong(_ exchange: Ref<Exchange>) {
    if let model = exchange.model {
      unsafe model.room?._withUnsafeGuaranteedRef { $0.countLate() }
      leaveRoom(model)
    }
    drive(exchange, .waitedTooLong)
  }

  /// The request leaves its service for another one, which it may wait for anew: called before the other one is put in its
  /// place, whatever it has come to here.
  @inline(never)
  func leaveService(_ exchange: Ref<Exchange>) {
    if let model = exchange.model {
      leaveRoom(model)
      letGo(model, .all)
      giveBack(model, exchange, isRefused: true)
      model.waitsUntil = 0
    }
    uncount(exchange)
    exchange.tried = BackendSet()
  }

  /// What requests of this worker's are called to.
  @inline(never)
  func answerCalls() {
    let batch = calls
    calls.removeAll(keepingCapacity: true)
    for call in batch { answer(call) }
  }

  /// One of this worker's is called, if it still waits for that.
  @inline(never)
  func answer(_ call: WaitingCall) {
    let place = call.waiter.place
    guard
      let exchange = exchanges.find(
        index: UInt32(truncatingIfNeeded: place >> 32), generation: UInt32(truncatingIfNeeded: place)),
      exchange.machine.phase == .waiting, let model = exchange.model, model.ticket == call.waiter.ticket,
      let room = unsafe model.room, unsafe room.takeUnretainedValue() === call.room
    else {
      if let status = call.status { giveRoom(call.room, status) }
      return
    }
    leaveRoom(model)
    model.calledMilliseconds = nowMilliseconds
    guard let status = call.status else {
      drive(exchange, .queueFull)
      return
    }
    followReload(exchange)
    if unsafe exchange.service?.pointee.room == nil {
      giveRoom(call.room, status)
    } else {
      unsafe model.granted = unsafe Unmanaged.passUnretained(status)
    }
    drive(exchange, .room)
  }

  // MARK: Room

  /// Chooses a backend that has room, or takes the one that has kept some.
  @inline(never)
  func openWithRoom(
    _ exchange: Ref<Exchange>, _ service: UnsafeMutablePointer<ServiceEntry>, _ held: Unmanaged<ServiceRoom>
  ) -> Machine.Event {
    let room = unsafe held.takeUnretainedValue()
    if let model = exchange.model {
      giveBack(model, exchange, isRefused: true)
      rereadPrompt(exchange)
    }
    uncount(exchange)
    if let granted = unsafe exchange.model?.granted {
      unsafe exchange.model?.granted = nil
      unsafe exchange.counted = unsafe granted
      if let place = unsafe place(of: granted, service), !exchange.tried.contains(place),
        unsafe isUsable(place, service, sparing: .max)
      {
        exchange.tried.insert(place)
        return unsafe openAttempt(exchange, service, service.pointee.pools[place], mayReuse: true)
      }
      uncount(exchange)
    } else if exchange.tried.count == 0 {
      unsafe service.pointee.budget.recordRequest(nowMilliseconds: nowMilliseconds)
    }
    guard let time = unsafe sparingTime(service, tried: exchange.tried) else { return .nobody }
    // Nobody overtakes those who wait.
    if exchange.tried.count == 0, room.isAwaited { return .full }
    let maximum = room.maximum
    if let affinity = unsafe service.pointee.affinity,
      let place = unsafe keptPlace(exchange, service, affinity, maximumRequests: maximum)
    {
      let status = unsafe service.pointee.pools[place]._withUnsafeGuaranteedRef { unsafe $0.status }
      if unsafe status._withUnsafeGuaranteedRef({ $0.begin(atMost: maximum) }) {
        exchange.tried.insert(place)
        unsafe exchange.counted = unsafe status
        return unsafe openAttempt(exchange, service, service.pointee.pools[place], mayReuse: true)
      }
    }
    while let place = unsafe pickWithRoom(
      service, tried: exchange.tried, exchange.model, sparing: time, maximumRequests: maximum)
    {
      let status = unsafe service.pointee.pools[place]._withUnsafeGuaranteedRef { unsafe $0.status }
      guard unsafe status._withUnsafeGuaranteedRef({ $0.begin(atMost: maximum) }) else { continue }
      exchange.tried.insert(place)
      unsafe exchange.counted = unsafe status
      return unsafe openAttempt(exchange, service, service.pointee.pools[place], mayReuse: true)
    }
    return .full
  }

  private func place(
    of status: Unmanaged<BackendStatus>, _ service: UnsafeMutablePointer<ServiceEntry>
  ) -> Int? {
    unsafe (0..<service.pointee.count).first { place in
      unsafe service.pointee.pools[place]._withUnsafeGuaranteedRef {
        unsafe $0.status.toOpaque() == status.toOpaque()
      }
    }
  }

  /// The request is not at a backend any more, where others may wait for its room.
  @inline(never)
  func uncount(_ exchange: Ref<Exchange>) {
    guard let counted = unsafe exchange.counted else { return }
    unsafe exchange.counted = nil
    let status = unsafe counted.takeUnretainedValue()
    guard let room = unsafe exchange.service?.pointee.room else { return status.end() }
    let service = unsafe room.takeUnretainedValue()
    service.countEnd()
    giveRoom(service, status)
  }

  /// A backend has room for one more.
  private func giveRoom(_ room: ServiceRoom, _ status: BackendStatus) {
    status.endInOrder()
    guard room.isAwaited, status.health != .unhealthy, !status.isEjected(nowMilliseconds: nowMilliseconds),
      !status.engine.isSuspended(nowMilliseconds: nowMilliseconds)
    else { return }
    call(room, status)
  }

  /// Calls those who wait to a backend, as many as it has room for.
  private func call(_ room: ServiceRoom, _ status: BackendStatus) {
    var isSecond = false
    while room.isAwaited, status.begin(atMost: room.maximum) {
      if let waiter = room.next(for: status, nowMicroseconds: nowNanoseconds / 1000) {
        send(WaitingCall(room: room, status: status, waiter: waiter))
        continue
      }
      status.endInOrder()
      // Somebody may have come in meanwhile, and have found the room taken.
      guard !isSecond else { return }
      isSecond = true
    }
  }

  /// Calls those who wait to every backend of a service that has room.
  private func callToAll(_ service: UnsafeMutablePointer<ServiceEntry>, _ room: ServiceRoom) {
    guard let time = unsafe sparingTime(service, tried: BackendSet()) else { return }
    for place in unsafe 0..<service.pointee.count
    where unsafe room.isAwaited && isUsable(place, service, sparing: time) {
      let status = unsafe service.pointee.pools[place]._withUnsafeGuaranteedRef { unsafe $0.status }
      unsafe call(room, status.takeUnretainedValue())
    }
  }

  private func send(_ call: WaitingCall) {
    if call.waiter.worker == index {
      calls.append(call)
      tendsWaiting = true
    } else if !shared.mailboxes[call.waiter.worker].post(.call(call)) {
      // Its worker has ended, and so has it.
      call.status?.endInOrder()
    }
  }

  // MARK: Looking after those who wait

  /// Looks after them when it is time.
  @inline(never)
  func tendWaiting() {
    if nowMilliseconds >= lookAt { lookAfterWaiting() }
    tendsWaiting = !waiting.isEmpty || !calls.isEmpty
  }

  /// Backends come back and go, settings change, and a drain has an end: whoever waits learns of it here.
  private func lookAfterWaiting() {
    lookAt = .max
    let batch = waiting
    waiting.removeAll(keepingCapacity: true)
    var last: UnsafeMutablePointer<ServiceEntry>?
    let soon = nowMilliseconds &+ 2 * Self.waitingLookMilliseconds
    let isOver = isDraining && soon >= shared.drainDeadline.load(ordering: .relaxed)
    for token in batch {
      guard let exchange = exchanges.find(index: token.index, generation: token.generation),
        exchange.machine.phase == .waiting, let model = exchange.model
      else { continue }
      waiting.append(token)
      if isOver {
        leaveRoom(model)
        drive(exchange, .refused(.overloaded))
        continue
      }
      followReload(exchange)
      guard let service = unsafe exchange.service else { continue }
      guard let room = unsafe service.pointee.room, unsafe room.toOpaque() == model.room?.toOpaque() else {
        // The service has another room by now, or none.
        leaveRoom(model)
        drive(exchange, .room)
        continue
      }
      guard unsafe sparingTime(service, tried: exchange.tried) != nil else {
        leaveRoom(model)
        drive(exchange, .nobody)
        continue
      }
      // The client's own timer is for what it does not take, where there is some.
      if nowMilliseconds >= model.waitsUntil {
        waitedTooLong(exchange)
        continue
      }
      guard unsafe service != last else { continue }
      unsafe last = unsafe service
      unsafe room._withUnsafeGuaranteedRef { $0.measure(nowMilliseconds: nowMilliseconds) }
      unsafe callToAll(service, room.takeUnretainedValue())
    }
    if !waiting.isEmpty { lookAt = nowMilliseconds &+ Self.waitingLookMilliseconds }
  }

  /// The backends are those that the service has now, by whatever settings the request came.
  private func followReload(_ exchange: Ref<Exchange>) {
    guard exchange.machine.attempts == 0, exchange.tried.count == 0, let service = unsafe exchange.service,
      let held = unsafe exchange.ofService
    else { return }
    let name = unsafe held._withUnsafeGuaranteedRef { old in
      unsafe old === snapshot ? nil : old.settings.services[service.pointee.index].name
    }
    guard let name, let place = snapshot.settings.services.firstIndex(where: { $0.name == name }) else {
      return
    }
    let now = unsafe snapshot.services + place
    guard unsafe now.pointee.isHTTP2 == service.pointee.isHTTP2, unsafe !now.pointee.isPassage else { return }
    unsafe exchange.laterSnapshot?.release()
    unsafe exchange.laterSnapshot = unsafe Unmanaged.passRetained(snapshot)
    unsafe exchange.service = unsafe now
  }

  // MARK: Refusals

  /// What an answer of ours to a request tells besides.
  @inline(never)
  func words(_ answer: OwnAnswer, _ exchange: Ref<Exchange>) -> OwnAnswer.Words {
    var words = OwnAnswer.Words()
    if let api = exchange.model?.api { words.shape = api.errorShape }
    guard let service = unsafe exchange.service, let held = unsafe exchange.ofService else { return words }
    let settings = unsafe held._withUnsafeGuaranteedRef { unsafe $0.settings.services[service.pointee.index] }
    words.service = settings.name
    switch answer {
    case .noBackend: words.retryAfterSeconds = max(1, settings.rules.recheck.count / 1000)
    case .queueFull, .queueTimeout:
      words.retryAfterSeconds =
        unsafe service.pointee.room?._withUnsafeGuaranteedRef { $0.retryAfterSeconds } ?? 1
    case .overloaded, .overLimit: words.retryAfterSeconds = 1
    default: break
    }
    return words
  }
}
