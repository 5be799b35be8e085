/// Reads a response of a model server as it passes: when the first content comes, how many events carry some, what it says of
/// tokens, how it ends. It changes and keeps nothing; the interface need not be known, for members of the same meaning have
/// names of their own in each.
///
/// The owner calls `feed` with each piece, however it is cut, then `end`. What cannot be read is passed over.
@safe public struct ResponseScan: BitwiseCopyable {
  /// How a response is laid out.
  public enum Format: UInt8, BitwiseCopyable, Sendable {
    /// `text/event-stream` (WHATWG HTML §9.2): OpenAI, Anthropic, TGI, llama.cpp, SGLang.
    case events
    /// `application/x-ndjson`: Ollama.
    case lines
    /// One JSON document.
    case document
  }

  /// The deepest content that is followed, in levels.
  public static let maximumDepth = 64

  enum Line: UInt8 { case start, field, space, data, event, skip }

  /// How the response is laid out.
  public let format: Format
  var reader = ResponseReader()
  var line = Line.start
  /// What follows the field's name: which value the line has.
  var value = Line.skip
  var field = ShortName()
  /// A line feed belongs to the carriage return before it.
  var isBehindReturn = false
  /// The event under way: whether it has lines that count, how many bytes of data, and how many of them are `[DONE]`.
  var hasLines = false
  var dataBytes = 0
  var markBytes = 0

  /// Events so far that carry text, a tool's call or another token; the first one may carry a role only. A document counts
  /// as one.
  public internal(set) var contentEvents = 0
  var hasLast = false
  var hasErrorField = false
  var isWhole = false

  /// A scan of a response.
  public init(_ format: Format) { self.format = format }

  /// Reads the next piece of the response, of any length.
  public mutating func feed(_ bytes: UnsafeRawBufferPointer) {
    switch format {
    case .events: unsafe readEvents(bytes)
    case .lines: unsafe readLines(bytes)
    case .document: unsafe reader.feed(bytes)
    }
  }

  /// Says that the response has ended; an event that lacks the empty line behind it counts.
  public mutating func end() {
    switch format {
    case .events: endEvent()
    case .lines: endEvent()
    case .document:
      isWhole = reader.isWhole()
      if reader.hasContent { contentEvents = 1 }
    }
  }

  /// Whether content has come.
  public var hasContent: Bool { contentEvents > 0 || format == .document && reader.hasContent }

  /// Whether the response says that it is complete: `[DONE]`, `message_stop`, `response.completed`, `"done": true`, TGI's
  /// `generated_text`, llama.cpp's `"stop": true`; for a document, whether it is one, once it has ended.
  public var hasEnded: Bool { format == .document ? isWhole : hasLast }

  /// Whether it says that something went wrong: an event `error`, a member `error` that is not null, `response.failed`.
  public var hasError: Bool { hasErrorField || reader.hasError }

  /// Tokens of the prompt, those from a cache included; nil as long as it does not say.
  public var promptTokens: Int? { reader.tokens.promptTokens }

  /// Tokens that were generated; nil as long as it does not say. In a stream that tells it in between, those up to then.
  public var completionTokens: Int? { reader.tokens.completionTokens }

  /// Tokens of the prompt that came from a cache; nil as long as it does not say.
  public var cachedTokens: Int? { reader.tokens.cachedTokens }

  /// Whether something may be put in here, a comment (`: ping`, an empty line) into events, another line into lines: only
  /// between two of them, before the first, or behind the last one.
  public var isBetweenEvents: Bool {
    switch format {
    case .events: line == .start && !hasLines && !isBehindReturn
    case .lines: dataBytes == 0
    case .document: false
    }
  }
}
