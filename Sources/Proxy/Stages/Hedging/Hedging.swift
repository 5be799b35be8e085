internal import Bytes
internal import EventLoop
internal import Exchange
internal import HTTP
internal import OS
internal import Telemetry
internal import Upstream

// Requests whose answer is late are sent to another backend as well: the first answer counts.

/// When answers of a service are late, as one worker knows it.
struct CompiledHedging: BitwiseCopyable {
  /// In milliseconds; 0 for what is expected.
  let after: UInt64
  var expected = ExpectedTime()
  var budget: RetryBudget

  init(_ settings: Settings.Hedging) {
    after = settings.after?.count ?? 0
    budget = RetryBudget(percent: settings.budgetPercent, minimumPerSecond: 0)
  }

  /// How long an answer may be waited for, in milliseconds; nil while nobody knows.
  var limit: UInt64? { after > 0 ? after : expected.milliseconds }
}

struct Hedging: Stage {
  @inline(__always)
  func begin(_ worker: Worker, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>) {
    if unsafe exchange.service?.pointee.hedging != nil { _ = worker.modelRequest(exchange) }
  }

  @inline(__always)
  func judge(
    _ worker: Worker, _ exchange: Ref<Exchange>, _ backend: Ref<BackendConnection>,
    _ base: UnsafePointer<UInt8>
  ) {
    // A refusal says nothing about how long answers take.
    guard worker.desk.response.status < 400 else { return }
    if let model = exchange.model, model.hedgesFrom > 0 { worker.noteAnswer(model, exchange) }
  }
}

extension Worker {
  // MARK: The time

  /// An answer begins to be waited for.
  @inline(never)
  func awaitAnswer(_ model: Ref<ModelRequest>, _ exchange: Ref<Exchange>) {
    guard let service = unsafe exchange.service, let hedging = unsafe service.pointee.hedging,
      model.hedgesFrom == 0, unsafe mayHedge(model, exchange, service)
    else { return }
    model.hedgesFrom = max(1, nowMilliseconds)
    unsafe hedging.pointee.budget.recordRequest(nowMilliseconds: nowMilliseconds)
    if let limit = unsafe hedging.pointee.limit { model.hedgesAt = nowMilliseconds &+ max(1, limit) }
  }

  /// Whether two backends may work on a request at once: its answer is no stream, and asking twice changes nothing.
  private func mayHedge(
    _ model: Ref<ModelRequest>, _ exchange: Ref<Exchange>, _ service: UnsafeMutablePointer<ServiceEntry>
  ) -> Bool {
    guard unsafe service.pointee.count > 1, unsafe service.pointee.room == nil, exchange.machine.isReplayable,
      exchange.machine.requestComplete, !exchange.wantsUpgrade, !exchange.isExtendedConnect, !exchange.isGRPC
    else { return false }
    // Two that change something must not run at once, even where once more does no harm.
    if exchange.method == .get || exchange.method == .head { return true }
    return unsafe service.pointee.isModelServer && model.isRead && !model.streams
      && model.api?.hasPrompt == true
  }

  @inline(never)
  fileprivate func noteAnswer(_ model: Ref<ModelRequest>, _ exchange: Ref<Exchange>) {
    let taken = nowMilliseconds &- min(model.hedgesFrom, nowMilliseconds)
    unsafe exchange.service?.pointee.hedging?.pointee.expected.record(milliseconds: taken)
  }

  /// The time until another backend gets a request as well, or until the end of what its answer may take.
  func untilHedge(_ backend: Ref<BackendConnection>, _ limit: UInt64) -> UInt64 {
    guard let model = backend.exchange?.model, model.hedgesFrom > 0 else { return limit }
    let end = max(model.hedgesFrom, model.waitMilliseconds) &+ limit
    let next = model.hedgesAt > 0 ? min(end, model.hedgesAt) : end
    return next > nowMilliseconds ? next - nowMilliseconds : 1
  }

  /// Gives a request whose answer is late to another backend as well. True when there was but this to do.
  @inline(never)
  func hedged(_ exchange: Ref<Exchange>, _ backend: Ref<BackendConnection>, _ wait: Wait) -> Bool {
    guard let model = exchange.model, model.hedgesAt > 0, wait == .responseHead else { return false }
    if nowMilliseconds >= model.hedgesAt {
      model.hedgesAt = 0
      if drive(exchange, .slow) != .goesOn { return true }
    }
    guard exchange.backend == backend else { return true }
    backend.wait = wait
    setWait(ofBackend: backend, wait, again: true)
    return true
  }

  /// Whether there is a backend for it besides, and the budget allows it.
  @inline(never)
  func mayAskAnother(_ exchange: Ref<Exchange>) -> Bool {
    guard let service = unsafe exchange.service, let hedging = unsafe service.pointee.hedging else {
      return false
    }
    let now = nowMilliseconds
    return unsafe hedging.pointee.budget.mayRetry(nowMilliseconds: now)
      && hasBetter(service, tried: exchange.tried)
  }

  // MARK: The two

  /// Makes another attempt beside the one that is under way.
  @inline(never)
  func hedge(_ exchange: Ref<Exchange>) -> Machine.Event {
    guard let model = exchange.model, let backend = exchange.backend, let service = unsafe exchange.service,
      let client = exchange.client
    else { return .nobody }
    _ = unsafe service.pointee.hedging?.pointee.budget.tryRetry(nowMilliseconds: nowMilliseconds)
    giveBack(model, exchange, isRefused: false)
    model.earlier = backend
    exchange.backend = nil
    unsafe model.earlierCounted = unsafe exchange.counted
    unsafe exchange.counted = nil
    // Its answer has the rest of its time.
    let end = unsafe model.waitMilliseconds &+ service.pointee.timeouts.responseHead.count
    backend.wait = .responseHead
    unsafe wheel.set(timer(backend), deadline: max(end, nowMilliseconds &+ 1))
    client.sent = client.start
    exchange.collectedSent = 0
    exchange.machine.rewind()
    return openElsewhere(exchange)
  }

  /// Ends the attempt: the earlier one beside it is the only one again.
  @inline(never)
  func goBack(_ exchange: Ref<Exchange>) {
    guard let model = exchange.model, let earlier = model.earlier else { return }
    giveBack(model, exchange, isRefused: true)
    if let backend = exchange.backend {
      backend.exchange = nil
      exchange.backend = nil
      closeAttempt(backend)
    }
    unsafe exchange.counted?._withUnsafeGuaranteedRef { $0.end() }
    unsafe exchange.counted = unsafe model.earlierCounted
    unsafe model.earlierCounted = nil
    model.earlier = nil
    exchange.backend = earlier
    exchange.endsWithHead = false
    exchange.collectedSent = exchange.collected.count
    if let client = exchange.client { client.sent = client.requestEnd }
    counters.add(.hedgesLost)
  }

  /// Ends the earlier one of two attempts, whatever comes of the other: its backend's work ends at once.
  @inline(never)
  func endEarlier(_ exchange: Ref<Exchange>, _ result: Counter) {
    guard let model = exchange.model, let earlier = model.earlier else { return }
    model.earlier = nil
    earlier.exchange = nil
    closeAttempt(earlier)
    unsafe model.earlierCounted?._withUnsafeGuaranteedRef { $0.end() }
    unsafe model.earlierCounted = nil
    counters.add(result)
  }

  /// The earlier attempt's backend is closed: nobody may reach it by this any more.
  @inline(never)
  func forgetEarlier(_ backend: Ref<BackendConnection>, _ exchange: Ref<Exchange>) {
    guard let model = exchange.model, model.earlier == backend else { return }
    model.earlier = nil
    unsafe model.earlierCounted?._withUnsafeGuaranteedRef { $0.end() }
    unsafe model.earlierCounted = nil
  }

  /// Something has come of the earlier attempt, or it is over.
  @inline(never)
  func pumpEarlier(
    _ backend: Ref<BackendConnection>, _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>
  ) {
    if unsafe backend.buffer == nil {
      unsafe backend.buffer = unsafe buffers.acquire(.goingOn)
      backend.start = Layout.headroom
      backend.end = Layout.headroom
      backend.searched = 0
    }
    guard let buffer = unsafe backend.buffer else { return loseEarlier(backend, exchange, nil) }
    while true {
      let n = unsafe fillBackend(backend, buffer + backend.end, Layout.full - backend.end)
      if n == Sys.wouldBlock { return }
      guard n > 0 else { return loseEarlier(backend, exchange, "it ended without an answer") }
      backend.end += n
      if unsafe readEarlier(backend, exchange, client, buffer, endsWithHead: false) { return }
    }
  }

  /// Reads what stands in the earlier attempt's buffer. True when it is not the earlier one any more.
  func readEarlier(
    _ backend: Ref<BackendConnection>, _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>,
    _ buffer: UnsafeMutablePointer<UInt8>, endsWithHead: Bool
  ) -> Bool {
    while true {
      let base = unsafe UnsafePointer(buffer + backend.start)
      let count = backend.end - backend.start
      switch unsafe HeadEnd.find(base, count: count, from: backend.searched) {
      case .incomplete(let resume) where backend.end < Layout.full:
        backend.searched = resume
        return false
      case .bareLineFeed, .incomplete:
        loseEarlier(backend, exchange, "malformed response")
        return true
      case .found(let length):
        backend.searched = 0
        guard unsafe desk.readResponse(base, length, exchange.method) == nil, desk.response.status != 101
        else {
          loseEarlier(backend, exchange, "malformed response")
          return true
        }
        if desk.response.isInterim {
          backend.start += length
          continue
        }
        if desk.response.status == 429 || desk.response.status >= 500 {
          loseEarlier(backend, exchange, desk.response.status >= 502 ? "status \(desk.response.status)" : nil)
          return true
        }
        unsafe takeEarlier(backend, exchange, client, buffer, endsWithHead)
        return true
      }
    }
  }

  /// The earlier attempt's answer is the first one.
  private func takeEarlier(
    _ backend: Ref<BackendConnection>, _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>,
    _ buffer: UnsafeMutablePointer<UInt8>, _ endsWithHead: Bool
  ) {
    guard drive(exchange, .earlierAnswers) != .over, exchange.backend == backend else { return }
    exchange.endsWithHead = endsWithHead
    let outcome = unsafe conclude(readHead(backend, exchange, client, buffer), exchange)
    guard outcome == .goesOn else { return }
    if endsWithHead {
      conclude(backendEnded(backend, exchange, client, isClean: true), exchange)
    } else if backendHasUnread(backend) {
      putOff(backend)
    }
  }

  /// The earlier attempt has come to nothing; the other one goes on.
  @inline(never)
  func loseEarlier(_ backend: Ref<BackendConnection>, _ exchange: Ref<Exchange>, _ reason: String?) {
    if let reason { reportBroken(backend, reason, isConnection: false) }
    drive(exchange, .earlierFailed)
  }
}
