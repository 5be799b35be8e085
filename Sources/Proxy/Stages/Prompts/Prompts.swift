internal import EventLoop
internal import Exchange
internal import HTTP
internal import ModelAPI
internal import OS
internal import Upstream

// What a request's prompt means for the engines: which of them knows its beginning, how much each has still to read, and how
// fast it reads.

/// What is known of a request's prompt, and what the attempt's engine has been charged with for it.
struct Prompt: BitwiseCopyable {
  /// It has been read.
  var isRead = false
  /// The answer comes as it is made: when it begins, the prompt has been read.
  var streams = false
  /// How long it is, in tokens as far as one can tell.
  var tokens = 0
  /// The blocks of the worker's that are its own, as long as nobody else's have been read.
  var blocks = 0
  var reading: UInt64 = 0
  /// How long the content is that it stands in, in bytes.
  var contentBytes = 0
  /// Tokens of it in flight on the attempt's engine.
  var charged = 0
  /// All that were in flight there when it was sent.
  var inFlight = 0
  var sentNanoseconds: UInt64 = 0
  /// The most tokens that the answer has, where it comes as a whole; nil where nobody knows.
  var wholeTokens: Int? = 0
  /// How long the engine may give nothing at all from then on, in milliseconds; 0 where nobody can tell.
  var patience: UInt64 = 0
  /// When the answer's head came, which is held back.
  var heldMilliseconds: UInt64 = 0
}

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
  func blocks(of prompt: Prompt) -> UnsafeBufferPointer<UInt64> {
    guard prompt.isRead, prompt.reading == reading else {
      return unsafe UnsafeBufferPointer(start: nil, count: 0)
    }
    return unsafe UnsafeBufferPointer(start: memory, count: prompt.blocks)
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
    exchange.prompt.isRead = true
    let streams = scan.stream ?? exchange.events.api?.streamsByDefault ?? false
    exchange.prompt.streams = streams
    exchange.prompt.wholeTokens = streams ? 0 : scan.tokenLimit
    exchange.prompt.tokens = (scan.promptBytes + 3) / 4
    exchange.prompt.blocks = scan.blockCount
    exchange.prompt.contentBytes = contentBytes
    exchange.prompt.reading = prompts.reading
  }

  /// What is known of the prompt, for the choice of a backend.
  func prompt(of exchange: Ref<Exchange>) -> Prompt {
    // For another attempt it is read anew where other prompts have been since.
    let from = exchange.collected.count - exchange.prompt.contentBytes
    if exchange.prompt.isRead, exchange.prompt.reading != prompts.reading, !exchange.collected.isEmpty,
      from >= 0
    {
      notePrompt(exchange, scan(exchange, from: from), contentBytes: exchange.prompt.contentBytes)
    }
    return exchange.prompt
  }

  /// The engine gets what it does not know of the prompt to read.
  func charge(_ exchange: Ref<Exchange>, _ status: Unmanaged<BackendStatus>) {
    let blocks = unsafe prompts.blocks(of: exchange.prompt)
    let tokens = exchange.prompt.tokens
    exchange.prompt.sentNanoseconds = nowNanoseconds
    let whole = exchange.prompt.wholeTokens
    let limit = unsafe exchange.service?.pointee.progressMilliseconds ?? 0
    let (charged, inFlight, patience) = unsafe status._withUnsafeGuaranteedRef { status in
      let hashes = unsafe Span(_unsafeElements: blocks)
      let uncached = max(1, tokens - status.engine.index.match(hashes) * PrefixIndex.tokensOfBlock)
      status.engine.index.use(hashes)
      let inFlight = status.engine.begin(tokens: uncached)
      return (
        uncached, inFlight,
        limit > 0
          ? whole.map { status.engine.patience(inFlight: inFlight, wholeTokens: $0, atLeast: limit) } ?? 0 : 0
      )
    }
    exchange.prompt.patience = patience
    exchange.prompt.charged = charged
    exchange.prompt.inFlight = inFlight
  }

  /// Something of the answer has come.
  func answerGoesOn(_ exchange: Ref<Exchange>) {
    unsafe exchange.counted?._withUnsafeGuaranteedRef {
      $0.engine.progressed(nowMilliseconds: nowMilliseconds)
    }
    if exchange.prompt.charged > 0 { answerBegan(exchange) }
  }

  /// The answer has begun: the engine has read the prompt.
  private func answerBegan(_ exchange: Ref<Exchange>) {
    let (inFlight, streams) = (exchange.prompt.inFlight, exchange.prompt.streams)
    let microseconds = (nowNanoseconds &- exchange.prompt.sentNanoseconds) / 1000
    if streams, exchange.status < 300 {
      unsafe exchange.counted?._withUnsafeGuaranteedRef {
        $0.engine.answered(inFlight: inFlight, microseconds: microseconds)
      }
    }
    giveBack(exchange)
  }

  /// The prompt is not in flight any more.
  @inline(__always)
  func giveBack(_ exchange: Ref<Exchange>) {
    let tokens = exchange.prompt.charged
    guard tokens > 0 else { return }
    unsafe exchange.counted?._withUnsafeGuaranteedRef { $0.engine.end(tokens: tokens) }
    exchange.prompt.charged = 0
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
