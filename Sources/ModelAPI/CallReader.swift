/// How far the reading of a call of KServe's gRPC service is: a message of gRPC (five bytes before it), in it a
/// `ModelInferRequest` of protocol buffers. Depth and lengths are bounded by those of the messages around.
struct CallReader: BitwiseCopyable {
  /// What the next bytes are.
  enum Step: UInt8, BitwiseCopyable {
    case off, flag, size, tag, length, number, bytes, over
  }

  /// A message within others, by what its fields are.
  enum Kind: UInt8, BitwiseCopyable {
    case request, input, contents, parameter, value
  }

  /// What the bytes of a field are for.
  enum Sink: UInt8, BitwiseCopyable {
    case none, model, tensorName, tensorType, prompt, rawPrompt, rawNumber, packed, key, text
  }

  /// The most levels of messages within each other.
  static let maximumDepth = 4

  var step = Step.off
  /// Bytes read so far, and where the message ends.
  var offset = 0
  var end = 0
  private var kinds = InlineArray<4, Kind>(repeating: .request)
  private var ends = InlineArray<4, Int>(repeating: 0)
  private(set) var depth = 0

  /// A number of seven bits a byte that is under way: its value, and how many bytes it has.
  var value: UInt64 = 0
  var count = 0
  var field: UInt64 = 0
  var sink = Sink.none
  /// Bytes of the field that are still to come.
  var left = 0

  /// The tensor that is being read, how many there have been, and which of them are prompts or limits.
  var name = ShortName()
  var type = ShortName()
  var inputs = 0
  var prompts: UInt64 = 0
  var limits: UInt64 = 0
  var raws = 0
  /// Of raw texts: what is left of one, and how much of its length has come.
  var textLeft = 0
  var textSize: UInt64 = 0
  var textSizeBytes = 0
  /// A parameter's name, and its value as text.
  var key = ShortName()
  var digits = WholeNumber()

  /// The message that is being read.
  var kind: Kind { kinds[max(0, depth - 1)] }

  /// Where the innermost message ends.
  var innerEnd: Int { depth > 0 ? ends[depth - 1] : end }

  /// A message begins that has so many bytes; false where it is too deep.
  mutating func enter(_ kind: Kind, bytes: Int) -> Bool {
    guard depth < Self.maximumDepth else { return false }
    kinds[depth] = kind
    ends[depth] = offset + bytes
    depth += 1
    return true
  }

  /// Leaves the innermost message.
  mutating func leave() { depth -= 1 }

  /// Adds a byte to the number that is under way: true when it is whole, nil when it is none.
  mutating func add(_ byte: UInt8) -> Bool? {
    guard count < 10, count < 9 || byte <= 1 else { return nil }
    value |= UInt64(byte & 0x7F) << UInt64(7 * count)
    count += 1
    return byte & 0x80 == 0
  }

  /// Another number begins.
  mutating func beginNumber(_ step: Step) {
    self.step = step
    value = 0
    count = 0
  }

  /// Whether a tensor's name is one that texts for models have.
  var isPromptName: Bool {
    name.matches("text_input") || name.matches("TEXT_INPUT") || name.matchesIgnoringCase("prompt")
      || name.matchesIgnoringCase("input") || name.matchesIgnoringCase("text")
      || name.matches("input_text") || name.matches("INPUT_TEXT") || name.matchesIgnoringCase("inputs")
  }

  /// Whether a name is that of the most tokens of an answer.
  static func isLimit(_ name: ShortName) -> Bool {
    name.matches("max_tokens") || name.matches("max_output_tokens") || name.matches("max_new_tokens")
      || name.matches("request_output_len")
  }
}
