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
  /// Content whose length nobody has told is waited for only while there is so much room, in bytes.
  private static let roomForUnknownLength = 16 << 20

  /// Whether the request on the desk has a prompt that can be waited for. What is longer than may be kept is passed on as
  /// it comes.
  @inline(never)
  func mayReadPrompt(_ base: UnsafePointer<UInt8>) -> Bool {
    guard desk.request.method == .post, !desk.request.upgrade,
      desk.request.length + Self.minimumCollectingRoom * 2 <= Layout.room
    else { return false }
    if case .length(let length) = desk.request.framing {
      let most = min(Settings.maximumModelContent, roomToKeep)
      guard length <= UInt64(max(0, most)) else { return false }
    } else {
      guard desk.request.framing != .none, roomToKeep >= Self.roomForUnknownLength else { return false }
    }
    let path = unsafe base + desk.request.targetStart
    guard let found = unsafe EngineAPI.find(path: path, count: desk.request.pathLength(base)) else {
      return false
    }
    return found.api.hasPrompt
  }

  /// Reads the content that has been kept, from a place on.
  @inline(never)
  func scan(_ exchange: Ref<Exchange>, from: Int) -> RequestScan {
    let kept = unsafe UnsafeRawBufferPointer(exchange.collected.bytes)
    // The same seed at every node of a fleet, so that cold prompts fall on the same engines.
    var scan = unsafe RequestScan(seed: 0, blocks: prompts.begin(), capacity: PromptBlocks.capacity)
    unsafe scan.feed(UnsafeRawBufferPointer(rebasing: kept[min(from, kept.count)...]))
    scan.end()
    return scan
  }

  /// Keeps what is known of the prompt. `name`: a hash of the model's name towards the engine, since another one makes
  /// something else of the same text.
  @inline(never)
  func notePrompt(_ exchange: Ref<Exchange>, _ scan: RequestScan, name: UInt64, contentBytes: Int) {
    let model = modelRequest(exchange)
    prompts.finish(scan.blockCount, model: name)
    let streams = scan.stream ?? model.api?.streamsByDefault ?? false
    model.isRead = true
    model.streams = streams
    model.wholeTokens = streams ? 0 : scan.tokenLimit
    model.tokens = (scan.promptBytes + 3) / 4
    model.blocks = scan.blockCount
    model.contentBytes = contentBytes
    model.reading = prompts.reading
    if model.session == 0, let session = scan.sessionHash { model.session = session }
  }

  /// For another attempt the prompt is read anew where others have been since.
  @inline(never)
  func rereadPrompt(_ exchange: Ref<Exchange>) {
    guard let model = exchange.model, model.isRead, model.reading != prompts.reading,
      !exchange.collected.isEmpty
    else { return }
    let from = exchange.collected.count - model.contentBytes
    guard from >= 0 else { return }
    let scan = scan(exchange, from: from)
    notePrompt(exchange, scan, name: Self.nameHash(scan), contentBytes: model.contentBytes)
  }

  /// The hash of the name that the content has.
  static func nameHash(_ scan: RequestScan) -> UInt64 {
    unsafe scan.withModelName { unsafe Rendezvous.hash($0) }
  }

  /// The engine gets what it does not know of the prompt to read.
  @inline(never)
  func charge(_ model: Ref<ModelRequest>, _ exchange: Ref<Exchange>, _ status: Unmanaged<BackendStatus>) {
    let blocks = unsafe prompts.blocks(of: model)
    let limit = unsafe exchange.service?.pointee.progressMilliseconds ?? 0
    unsafe status._withUnsafeGuaranteedRef { status in
      let hashes = unsafe Span(_unsafeElements: blocks)
      model.known = status.engine.index.match(hashes)
      let uncached = max(1, model.tokens - model.known * PrefixIndex.tokensOfBlock)
      status.engine.index.use(hashes)
      if status.engine.cache.isFollowed { status.engine.cache.sent(hashes, tokens: model.tokens) }
      model.inFlight = status.engine.begin(tokens: uncached, streams: model.streams)
      model.charged = uncached
      model.patience = 0
      if limit > 0, let whole = model.wholeTokens {
        // What is known of its cache is but a guess.
        let reading = status.engine.prefill + model.tokens - uncached
        model.patience = status.engine.patience(inFlight: reading, wholeTokens: whole, atLeast: limit)
      }
    }
  }

  /// Something of the answer has come.
  @inline(never)
  func answerGoesOn(_ model: Ref<ModelRequest>, _ exchange: Ref<Exchange>) {
    unsafe exchange.counted?._withUnsafeGuaranteedRef { status in
      status.engine.progressed(nowMilliseconds: nowMilliseconds)
      // It has begun: the engine has read the prompt.
      if model.charged > 0, model.streams, exchange.status < 300 {
        status.engine.answered(
          inFlight: model.inFlight, microseconds: (nowNanoseconds &- model.sentNanoseconds) / 1000)
      }
    }
    giveBack(model, exchange, isRefused: exchange.status >= 400)
  }

  /// The prompt is not in flight any more; where the attempt came to nothing, the engine does not know it either.
  @inline(never)
  func giveBack(_ model: Ref<ModelRequest>, _ exchange: Ref<Exchange>, isRefused: Bool) {
    guard model.charged > 0 else { return }
    let tokens = model.charged
    model.charged = 0
    let blocks = unsafe prompts.blocks(of: model)
    unsafe exchange.counted?._withUnsafeGuaranteedRef { status in
      status.engine.end(tokens: tokens, streams: model.streams)
      guard isRefused, model.known < blocks.count else { return }
      status.engine.index.takeBack(
        unsafe Span(_unsafeElements: UnsafeBufferPointer(rebasing: blocks[model.known...])))
    }
  }

  /// What is known of a request to a model server, nothing at first.
  @inline(never)
  func modelRequest(_ exchange: Ref<Exchange>) -> Ref<ModelRequest> {
    if let model = exchange.model { return model }
    let model = models.acquire()
    exchange.model = model
    return model
  }
}

extension EngineAPI {
  /// Whether requests have a text that engines keep what they have made of.
  var hasPrompt: Bool {
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
