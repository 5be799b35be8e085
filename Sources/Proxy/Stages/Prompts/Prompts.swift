internal import EventLoop
internal import Exchange
internal import HTTP
internal import ModelAPI
internal import OS
internal import Upstream

// What a request's prompt means for the engines: which of them knows its beginning, how much each has still to read, and how
// fast it reads.

/// The blocks of the prompt that one worker has read last.
@safe struct PromptBlocks: ~Copyable {
  private var memory: UnsafeMutablePointer<UInt64>?
  private(set) var reading: UInt64 = 0

  /// The longest prompt whose end counts, in blocks: 2 MiB.
  static let capacity = 8192

  /// Where the next prompt's blocks go.
  mutating func begin() -> UnsafeMutablePointer<UInt64> {
    reading += 1
    if let memory = unsafe memory { return unsafe memory }
    let made = UnsafeMutablePointer<UInt64>.allocate(capacity: Self.capacity)
    unsafe memory = unsafe made
    return unsafe made
  }

  /// So many blocks have been written, of a prompt for that model.
  mutating func finish(_ count: Int, model: UInt64) {
    guard let memory = unsafe memory else { return }
    for block in 0..<min(count, Self.capacity) { unsafe memory[block] ^= model }
  }

  /// A prompt's blocks, if they are still there.
  func blocks(of model: Ref<ModelRequest>?) -> UnsafeBufferPointer<UInt64> {
    guard let model, model.isRead, model.reading == reading else {
      return unsafe UnsafeBufferPointer(start: nil, count: 0)
    }
    return unsafe UnsafeBufferPointer(start: memory, count: model.blocks)
  }

  deinit { unsafe memory?.deallocate() }
}

extension Worker {
  /// Whether the request on the desk has a prompt that can be waited for. What is longer than may be kept is passed on as
  /// it comes.
  func mayReadPrompt(_ base: UnsafePointer<UInt8>) -> Bool {
    guard desk.request.method == .post, !desk.request.upgrade else { return false }
    if case .length(let length) = desk.request.framing {
      let most = min(
        Settings.maximumModelContent,
        snapshot.settings.limits.keptBytes(workers: shared.workers) - collectedBytes - Self.lengthRoom)
      guard length <= UInt64(max(0, most)) else { return false }
    } else if desk.request.framing == .none {
      return false
    }
    let path = unsafe base + desk.request.targetStart
    guard let found = unsafe EngineAPI.find(path: path, count: desk.request.pathLength(base)) else {
      return false
    }
    return found.api.hasPrompt
  }

  /// Reads the content that has been kept, from a place on.
  func scan(_ exchange: Ref<Exchange>, from: Int) -> RequestScan {
    let kept = unsafe UnsafeRawBufferPointer(exchange.collected.bytes)
    // The same seed at every node of a fleet, so that cold prompts fall on the same engines.
    var scan = unsafe RequestScan(seed: 0, blocks: prompts.begin(), capacity: PromptBlocks.capacity)
    unsafe scan.feed(UnsafeRawBufferPointer(rebasing: kept[min(from, kept.count)...]))
    scan.end()
    // Another model makes something else of the same text.
    let model = unsafe scan.withModelName { unsafe Rendezvous.hash($0) }
    prompts.finish(scan.blockCount, model: model)
    return scan
  }

  /// Keeps what is known of the prompt.
  func notePrompt(_ exchange: Ref<Exchange>, _ scan: RequestScan, contentBytes: Int) {
    let model = modelRequest(exchange)
    let streams = scan.stream ?? model.api?.streamsByDefault ?? false
    model.isRead = true
    model.streams = streams
    model.wholeTokens = streams ? 0 : scan.tokenLimit
    model.tokens = (scan.promptBytes + 3) / 4
    model.blocks = scan.blockCount
    model.contentBytes = contentBytes
    model.reading = prompts.reading
  }

  /// For another attempt the prompt is read anew where others have been since.
  func rereadPrompt(_ exchange: Ref<Exchange>) {
    guard let model = exchange.model, model.isRead, model.reading != prompts.reading,
      !exchange.collected.isEmpty
    else { return }
    let from = exchange.collected.count - model.contentBytes
    if from >= 0 { notePrompt(exchange, scan(exchange, from: from), contentBytes: model.contentBytes) }
  }

  /// The engine gets what it does not know of the prompt to read.
  func charge(_ model: Ref<ModelRequest>, _ exchange: Ref<Exchange>, _ status: Unmanaged<BackendStatus>) {
    let blocks = unsafe prompts.blocks(of: model)
    let limit = unsafe exchange.service?.pointee.progressMilliseconds ?? 0
    unsafe status._withUnsafeGuaranteedRef { status in
      let hashes = unsafe Span(_unsafeElements: blocks)
      let uncached = max(1, model.tokens - status.engine.index.match(hashes) * PrefixIndex.tokensOfBlock)
      status.engine.index.use(hashes)
      model.charged = uncached
      model.inFlight = status.engine.begin(tokens: uncached)
      model.patience = 0
      if limit > 0, let whole = model.wholeTokens {
        model.patience = status.engine.patience(inFlight: model.inFlight, wholeTokens: whole, atLeast: limit)
      }
    }
    model.sentNanoseconds = nowNanoseconds
  }

  /// Something of the answer has come.
  func answerGoesOn(_ model: Ref<ModelRequest>, _ exchange: Ref<Exchange>) {
    unsafe exchange.counted?._withUnsafeGuaranteedRef { status in
      status.engine.progressed(nowMilliseconds: nowMilliseconds)
      // It has begun: the engine has read the prompt.
      if model.charged > 0, model.streams, exchange.status < 300 {
        status.engine.answered(
          inFlight: model.inFlight, microseconds: (nowNanoseconds &- model.sentNanoseconds) / 1000)
      }
    }
    giveBack(model, exchange)
  }

  /// The prompt is not in flight any more.
  func giveBack(_ model: Ref<ModelRequest>, _ exchange: Ref<Exchange>) {
    guard model.charged > 0 else { return }
    let tokens = model.charged
    unsafe exchange.counted?._withUnsafeGuaranteedRef { $0.engine.end(tokens: tokens) }
    model.charged = 0
  }

  /// What is known of a request to a model server, nothing at first.
  func modelRequest(_ exchange: Ref<Exchange>) -> Ref<ModelRequest> {
    if let model = exchange.model { return model }
    let model = models.acquire()
    exchange.model = model
    return model
  }
}

extension EngineAPI {
  /// Whether requests have a text that engines keep what they have made of.
  fileprivate var hasPrompt: Bool {
    switch self {
    case .chatCompletions, .completions, .responses, .messages, .ollamaChat, .ollamaGenerate, .generate,
      .generateStream, .llamaCompletion, .kserveGenerate, .kserveGenerateStream, .tensorFlowGenerate:
      true
    case .embeddings, .transcriptions, .translations, .speech, .ollamaEmbed, .ollamaEmbeddings, .kserveInfer,
      .tensorFlowPredict:
      false
    }
  }
}
