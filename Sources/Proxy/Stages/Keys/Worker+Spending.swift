internal import APIKeys
internal import EventLoop
internal import Exchange
internal import ModelAPI
internal import Telemetry

// Tokens of keys: set aside by estimate before an engine has the request, counted as they are used, settled at the end.
extension Worker {
  /// What an answer is expected to have where the request sets no limit, in tokens.
  static let assumedAnswerTokens = 512
  /// By how many tokens a reservation grows at once where an answer is longer than expected.
  static let extensionTokens = 64

  /// Whether the key of a request that has been read may ask for its model, and sets its tokens aside; nil when it may.
  @inline(never)
  func refusalByContent(_ exchange: Ref<Exchange>, _ scan: RequestScan) -> OwnAnswer? {
    guard let model = exchange.model, let key = unsafe model.key else { return nil }
    let entry = unsafe key.pointee
    // What we cannot read costs as much as what we can.
    if entry.limitsTokens, let fault = scan.fault, model.api?.hasPrompt == true { return .modelUnread(fault) }
    guard entry.isForSomeModels && !model.isNamedByPath else { return nil }
    if let fault = scan.fault { return .modelUnread(fault) }
    guard scan.modelPlace != nil else { return .modelMissing }
    let isAllowed = unsafe scan.withModelName { unsafe entry.allows(model: $0) }
    return isAllowed ? nil : .modelUnknown
  }

  /// Sets the tokens of a request aside whose prompt has been noted; nil when that was possible.
  @inline(never)
  func reserveTokens(_ exchange: Ref<Exchange>, _ scan: RequestScan) -> OwnAnswer? {
    guard let model = exchange.model, let key = unsafe model.key, unsafe key.pointee.limitsTokens,
      model.held == nil
    else { return nil }
    let entry = unsafe key.pointee
    let most = min(entry.limits.mostTokens, entry.groupLimits.mostTokens)
    let answers =
      model.api?.generates == false
      ? 0 : min(max(1, scan.choices ?? 1), Self.maximumChoices) * min(scan.promptCount, Self.maximumChoices)
    let asked = model.tokens + min(scan.tokenLimit ?? 0, Self.maximumAnswerTokens) * answers
    // It would be refused however long it waits.
    guard asked <= most else {
      counters.add(.requestsBeyondLimits)
      return .limited(LimitHit(.size, milliseconds: 1000))
    }
    let assumed = model.tokens + Self.assumedAnswerTokens * answers
    let wanted = scan.tokenLimit == nil ? min(assumed, most) : asked
    let now = wallMilliseconds
    let own = unsafe entry.usage._withUnsafeGuaranteedRef { $0.reserve(wanted, entry.limits, now: now) }
    guard case .success(let held) = own else { return refused(own) }
    if let group = unsafe entry.groupUsage {
      let shared = unsafe group._withUnsafeGuaranteedRef { $0.reserve(wanted, entry.groupLimits, now: now) }
      guard case .success(let groupHeld) = shared else {
        unsafe entry.usage._withUnsafeGuaranteedRef { $0.settle(held, used: 0, now: now) }
        return refused(shared)
      }
      model.groupHeld = groupHeld
    }
    model.held = held
    return nil
  }

  /// The longest answer that is counted with, in tokens.
  private static let maximumAnswerTokens = 1 << 40

  /// The most answers of one request that are counted with.
  private static let maximumChoices = 1024

  private func refused(_ result: Result<KeyUsage.Reservation, KeyRefusal>) -> OwnAnswer? {
    guard case .failure(let refusal) = result else { return nil }
    counters.add(.requestsBeyondLimits)
    return .limited(LimitHit(refusal))
  }

  /// Whether an answer may go on that has come to so many tokens so far, prompt included: for streams, asked with every read
  /// before it is passed on. Beyond what was set aside more is, as long as the limits of key and group have room: at the first
  /// token that has none it is false, and the stream MUST be ended. Without a key, or limits of tokens, it is always true.
  @inline(never)
  func keyMaySpend(_ model: Ref<ModelRequest>, tokens: Int) -> Bool {
    guard let key = unsafe model.key, var held = model.held, tokens > held.tokens else { return true }
    let entry = unsafe key.pointee
    let now = wallMilliseconds
    let needed = tokens - held.tokens
    for more in [needed + Self.extensionTokens - 1, needed] {
      let before = held
      guard
        unsafe entry.usage._withUnsafeGuaranteedRef({
          $0.extend(&held, by: more, entry.limits, now: now)
        })
      else { continue }
      if var shared = model.groupHeld, let group = unsafe entry.groupUsage {
        guard
          unsafe group._withUnsafeGuaranteedRef({
            $0.extend(&shared, by: more, entry.groupLimits, now: now)
          })
        else {
          unsafe entry.usage._withUnsafeGuaranteedRef { $0.settle(held, used: before.tokens, now: now) }
          held = before
          continue
        }
        model.groupHeld = shared
      }
      model.held = held
      return true
    }
    return false
  }

  /// Why a stream has to end here: its key has no tokens left; nil when it has.
  @inline(__always)
  func refusalBySpending(_ model: Ref<ModelRequest>) -> OwnAnswer? {
    guard unsafe model.key != nil, model.answer.format != .document,
      !keyMaySpend(model, tokens: max(0, model.promptTokens ?? model.tokens) + model.completionTokens)
    else { return nil }
    model.isSpent = true
    counters.add(.requestsBeyondLimits)
    return .limited(LimitHit(.tokens, milliseconds: 1000))
  }

  /// The request is over: its place is given back, and its tokens are counted as they were used.
  @inline(never)
  func settle(_ model: Ref<ModelRequest>, _ exchange: Ref<Exchange>) {
    guard let key = unsafe model.key else { return }
    unsafe model.key = nil
    let entry = unsafe key.pointee
    let used = Self.used(model, exchange)
    let now = wallMilliseconds
    unsafe entry.usage._withUnsafeGuaranteedRef { usage in
      if let held = model.held { usage.settle(held, used: used, now: now) }
      usage.end()
    }
    unsafe entry.groupUsage?._withUnsafeGuaranteedRef { usage in
      if let held = model.groupHeld { usage.settle(held, used: used, now: now) }
      usage.end()
    }
    model.held = nil
    model.groupHeld = nil
    unsafe model.keyOwner?.release()
    unsafe model.keyOwner = nil
  }

  /// The tokens that a request has used: none where no engine has answered it with success. A client that left has what an
  /// engine has done for it by then.
  private static func used(_ model: Ref<ModelRequest>, _ exchange: Ref<Exchange>) -> Int {
    // What was cut short for want of tokens has used what it had.
    let isAnswered = exchange.status < 400 || exchange.status == 499 || model.isSpent
    guard exchange.machine.attempts > 0, isAnswered else { return 0 }
    let told = max(0, model.promptTokens ?? model.tokens) + max(0, model.completionTokens)
    // Where nobody has told how long the answer was, it was as long as it had been expected.
    let isTold =
      model.isScanned && (model.answer.format != .document || model.answer.completionTokens != nil)
    return isTold || model.api?.generates == false ? told : max(told, model.held?.tokens ?? 0)
  }
}

extension KeyLimits {
  /// The most tokens that one request may have.
  fileprivate var mostTokens: Int {
    min(tokensPerMinute ?? .max, tokensPerDay ?? .max, tokensPerMonth ?? .max)
  }
}

extension EngineAPI {
  /// Whether answers have tokens of their own.
  fileprivate var generates: Bool {
    switch self {
    case .embeddings, .ollamaEmbed, .ollamaEmbeddings, .tensorFlowPredict, .kserveInfer: false
    default: true
    }
  }
}
