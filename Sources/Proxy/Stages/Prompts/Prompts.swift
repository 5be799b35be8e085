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
  /// One block, in bytes.
  static let blockBytes = RequestScan.blockBytes

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

  /// The least room in which content is waited for whose length is told, in bytes: a first part fits.
  private static let leastRoom = 1 << 20

  /// Whether the request on the desk has a prompt that can be waited for. Without room for it the request is passed on as it
  /// comes.
  @inline(never)
  func mayReadPrompt(_ base: UnsafePointer<UInt8>) -> Bool {
    guard desk.request.method == .post, !desk.request.upgrade,
      desk.request.length + Self.minimumCollectingRoom * 2 <= Layout.room
    else { return false }
    switch desk.request.framing {
    case .length: guard roomToKeep >= Self.leastRoom else { return false }
    case .chunked: guard roomToKeep >= Self.roomForUnknownLength else { return false }
    case .none, .untilClose: return false
    }
    let path = unsafe base + desk.request.targetStart
    guard let found = unsafe EngineAPI.find(path: path, count: desk.request.pathLength(base)) else {
      return false
    }
    return found.api.hasPrompt
  }

  /// Reads the content that has been kept: all of it, or a first part.
  @inline(never)
  func scan(_ exchange: Ref<Exchange>, isWhole: Bool) -> RequestScan {
    let kept = unsafe UnsafeRawBufferPointer(exchange.collected.bytes)
    // The same seed at every node of a fleet, so that cold prompts fall on the same engines.
    let (blocks, capacity) = unsafe (prompts.begin(), PromptBlocks.capacity)
    let api = exchange.model?.api
    var scan =
      api?.isCall == true
      ? unsafe RequestScan(callSeed: 0, blocks: blocks, capacity: capacity)
      : unsafe RequestScan(seed: 0, blocks: blocks, capacity: capacity)
    scan.callStreams = api == .kserveStreamCall
    if let coding = exchange.model?.coding, coding != .none, api?.isCall != true {
      scanCoded(&scan, exchange, coding, isWhole: isWhole)
      return scan
    }
    unsafe scan.feed(UnsafeRawBufferPointer(rebasing: kept[min(exchange.collectedFront, kept.count)...]))
    if isWhole { scan.end() }
    return scan
  }

  /// Keeps what is known of the prompt. `name`: a hash of the model's name towards the engine, since another one makes
  /// something else of the same text.
  @inline(never)
  func notePrompt(_ exchange: Ref<Exchange>, _ scan: RequestScan, name: UInt64) {
    let model = modelRequest(exchange)
    prompts.finish(scan.blockCount, model: name)
    // Of a first part nobody knows what stands behind it: most of such content is a prompt, and it may be a stream.
    let rest = exchange.goesOn ? Int(clamping: exchange.restOfContent ?? 0) : 0
    let streams = scan.stream ?? (exchange.goesOn || model.api?.streamsByDefault == true)
    model.isRead = true
    model.streams = streams
    model.wholeTokens = streams ? 0 : exchange.goesOn ? nil : scan.tokenLimit
    model.promptBytes = scan.promptBytes + min(rest, 1 << 40)
    model.tokens = tokenRatios.tokens(bytes: model.promptBytes, of: model.nameHash)
    model.blocks = scan.blockCount
    model.reading = prompts.reading
    if model.session == 0, let session = scan.sessionHash { model.session = session }
  }

  /// For another attempt the prompt is read anew where others have been since.
  @inline(never)
  func rereadPrompt(_ exchange: Ref<Exchange>) {
    guard let model = exchange.model, model.isRead, model.reading != prompts.reading,
      !exchange.collected.isEmpty
    else { return }
    let scan = scan(exchange, isWhole: !exchange.goesOn)
    notePrompt(exchange, scan, name: Self.nameHash(scan))
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
      let uncached = max(1, model.tokens - model.element.tokens(ofBlocks: model.known))
      status.engine.index.use(hashes)
      if status.engine.cache.isFollowed { status.engine.cache.sent(hashes, tokens: model.plainTokens) }
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
      .generateStream, .llamaCompletion, .kserveGenerate, .kserveGenerateStream, .tensorFlowGenerate,
      .kserveCall, .kserveStreamCall:
      true
    case .embeddings, .transcriptions, .translations, .speech, .ollamaEmbed, .ollamaEmbeddings, .kserveInfer,
      .tensorFlowPredict:
      false
    }
  }
}
