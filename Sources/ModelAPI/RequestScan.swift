internal import JSON

/// Reads a request to a model server as it comes: the model, the limits, hints for affinity, and hashes of its prompt.
///
/// The owner calls `feed` with each piece of the content, however it is cut, then `end`. Content is one JSON object; only its
/// own members count, and of nested ones those that are said below; or it is a form (`init(boundary:)`) or a call of gRPC
/// (`init(callSeed:…)`). Nothing of it is kept but the model's name. What has been
/// found can be read at any time; after a fault the rest of the content is passed over, and what was found stays.
///
/// It points into memory that the owner lends for the hashes of the prompt, and may be copied and forgotten like an integer.
@safe public struct RequestScan: BitwiseCopyable {
  /// The longest name of a model, in bytes without escapes.
  public static let maximumModelBytes = 256
  /// The deepest content that is followed, in levels.
  public static let maximumDepth = 64
  /// A block of the prompt that has a hash of its own, in bytes.
  public static let blockBytes = BlockHasher.blockBytes
  /// Content is read in slices of so many bytes, so that what is hashed is still in the nearest cache.
  private static let sliceBytes = 16 * 1024

  enum Phase: UInt8 {
    case start, members, name, value, skip, prompt, model, session, number, list, text, failed
  }

  var phase = Phase.start
  var scanner = JSONScanner(maximumDepth: RequestScan.maximumDepth, maximumBytes: .max)
  /// Bytes before the object: a byte order mark and white space.
  var front = 0
  /// How much of a byte order mark has come.
  var markBytes = 0
  /// The nested object whose members are being read, the member whose value is, and its name.
  var parent = Member.other
  var member = Member.other
  var name = ShortName()
  var number = WholeNumber()

  /// What the content says of the model.
  public internal(set) var model = ModelName.none
  var modelText = ModelText()
  var modelStart = -1
  var modelEnd = -1

  var streams: Int8 = -1
  var limit = -1
  var choiceCount = -1
  var usage = UsagePlaces()

  let seed: UInt64
  var session: TextHash
  var sessionValue: UInt64 = 0
  var sessionRank = Int.max

  var hasher: BlockHasher
  var form = FormReader()
  var call = CallReader()
  /// A call's messages may go on behind the first one.
  public var callStreams = false
  var modelLengthStart = -1
  /// Texts of the prompt, where there are several.
  var texts = 0
  /// The list that is being read is one of prompts.
  var isListed = false
  var scratch = 0
  var faultReason: RequestFault.Reason?
  var faultOffset = 0
  /// Whether the content has ended as it should.
  public internal(set) var isWhole = false

  /// A scan of JSON. Of the prompt's blocks up to `capacity` hashes are written to `blocks`, which MUST stay where it is
  /// until `end`; hashes can be compared with those of the same seed. The seed should be random and secret, or a client
  /// could make prompts that are taken for others.
  public init(seed: UInt64, blocks: UnsafeMutablePointer<UInt64>?, capacity: Int) {
    self.seed = seed
    session = TextHash(seed: seed)
    hasher = unsafe BlockHasher(seed: seed, blocks: blocks, capacity: capacity)
  }

  /// Reads the next piece of the content, of any length. After `end`, or a fault, it is passed over.
  public mutating func feed(_ bytes: UnsafeRawBufferPointer) {
    guard !isWhole else { return }
    guard form.delimiterCount == 0 else { return unsafe readForm(bytes) }
    guard call.step == .off else { return unsafe readCall(bytes) }
    var at = 0
    while at < bytes.count, phase != .failed {
      let length = min(bytes.count - at, Self.sliceBytes)
      unsafe readJSON(UnsafeRawBufferPointer(rebasing: bytes[at..<at + length]))
      at += length
    }
  }

  /// Says that the content has ended.
  public mutating func end() {
    guard phase != .failed, !isWhole else { return }
    guard form.delimiterCount == 0 else { return endForm() }
    guard call.step == .off else { return endCall() }
    guard phase != .start else { return fail(.noObject, at: front + markBytes) }
    if scanner.finish() == .end { isWhole = true } else { failAsScanner() }
  }

  /// Why the content cannot be read; nil as long as it can.
  public var fault: RequestFault? { faultReason.map { RequestFault(offset: faultOffset, reason: $0) } }

  /// Where the model's name stands between its quotes, in bytes from the start of the content; escapes are there as the
  /// content has them. Nil unless `model` is `named`.
  public var modelPlace: Range<Int>? { model == .named ? modelStart..<modelEnd : nil }

  /// Shows the model's name, escapes replaced; empty unless `model` is `named`.
  public func withModelName<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    let count = model == .named ? modelText.count : 0
    return unsafe withUnsafeBytes(of: modelText.bytes) {
      unsafe body(UnsafeRawBufferPointer(rebasing: $0[..<count]))
    }
  }

  /// Whether the response is to come in pieces; nil where the request does not say, and each interface has its own default.
  public var stream: Bool? { streams < 0 ? nil : streams == 1 }

  /// The most tokens that are to be generated: the greatest of `max_tokens`, `max_completion_tokens`, `max_output_tokens`,
  /// `n_predict`, Ollama's `options.num_predict`, `max_new_tokens` of TGI's `parameters` and SGLang's `sampling_params`. Nil
  /// where there is none; what is negative is no limit.
  public var tokenLimit: Int? { limit < 0 ? nil : limit }

  /// How many answers are asked for: the greater of `n` and `best_of`; nil where the request does not say.
  public var choices: Int? { choiceCount < 0 ? nil : choiceCount }

  /// A hash of what names the session or user, under the seed: `prompt_cache_key`, `session_id`, `user` or Anthropic's
  /// `metadata.user_id`, in this order, escapes as the content has them. Nil where there is none.
  public var sessionHash: UInt64? { sessionRank == .max ? nil : sessionValue }

  /// How long the prompt is, in bytes of the content: the values of `tools`, `system`, `instructions`, `messages`, `prompt`,
  /// `input`, `inputs`, KServe's `text_input`, TensorFlow's `instances` and SGLang's `text`, in the order in which they
  /// stand, quotes and brackets included.
  public var promptBytes: Int { hasher.before + hasher.total }

  /// How many prompts there are: the texts, or lists of tokens, in a list that is the value of `prompt`, `input`, `inputs` or
  /// `instances`, or a call's texts; one at least. Each has the blocks that it has alone.
  public var promptCount: Int { max(1, texts) }

  /// How many of the prompt's blocks, each of `blockBytes`, have been hashed.
  public var blockCount: Int { hasher.count }

  /// The content cannot be read, for a reason that stands outside of what it is fed with.
  public mutating func refuse(_ reason: RequestFault.Reason, at offset: Int) {
    isWhole = false
    fail(reason, at: offset)
  }

  mutating func fail(_ reason: RequestFault.Reason, at offset: Int) {
    faultReason = reason
    faultOffset = offset
    phase = .failed
  }

  mutating func failAsScanner() {
    fail(scanner.failure == .tooDeep ? .tooDeep : .syntax, at: front + scanner.offset)
  }
}
