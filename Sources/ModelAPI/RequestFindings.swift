/// What a request says of the model that it asks for.
public enum ModelName: UInt8, BitwiseCopyable, Sendable {
  /// No member or field `model`.
  case none
  /// A name of at least one byte and at most `RequestScan.maximumModelBytes`.
  case named
  /// A longer name.
  case tooLong
  /// It stands there more than once, or in other letters (`Model`), which some readers take for the same (Go's JSON,
  /// Ollama's for one): whoever reads it next may take another one.
  case doubled
  /// Something else than a name: a number, null, an object, an empty text.
  case notText
}

/// Why a scan has ended before the content has.
public struct RequestFault: BitwiseCopyable, Equatable, Sendable {
  /// What was wrong.
  public enum Reason: UInt8, BitwiseCopyable, Sendable {
    /// The content is no JSON object.
    case noObject
    /// The byte cannot stand there, or the content ends too early (RFC 8259).
    case syntax
    /// More levels of objects and arrays than `RequestScan.maximumDepth`.
    case tooDeep
    /// A part of a form that cannot be read, or that another reader could read in another way (RFC 7578).
    case part
    /// A form that ends before its last boundary (RFC 2046 §5.1.1).
    case formEnd
    /// No message of `inference.GRPCInferenceService` that can be read (KServe): cut off, malformed, or compressed.
    case call
    /// Content-Encoding is another one than gzip and deflate, or several.
    case coding
    /// The content is not what its Content-Encoding says.
    case coded
    /// More inflated content than is read, or than compressed content of its size should have.
    case inflated

    /// What was expected instead, for a message.
    public var expected: StaticString {
      switch self {
      case .noObject: "a JSON object"
      case .syntax: "JSON"
      case .tooDeep: "at most 64 levels"
      case .part: "a part of a form"
      case .formEnd: "the last boundary of a form"
      case .call: "one uncompressed message ModelInferRequest"
      case .coding: "content as it is, or with Content-Encoding gzip or deflate"
      case .coded: "content as its Content-Encoding says"
      case .inflated: "at most 32 MiB of inflated content, and 100 times what came"
      }
    }
  }

  /// Where, in bytes from the start of the content.
  public let offset: Int
  /// What was wrong there.
  public let reason: Reason

  /// A fault at a place.
  public init(offset: Int, reason: Reason) {
    self.offset = offset
    self.reason = reason
  }
}

/// What has to be changed in the content so that a stream tells its usage at its end (OpenAI,
/// `stream_options.include_usage`).
public struct UsageEdit: Sendable, Equatable {
  /// The bytes of the content to be replaced; an empty range is a place to insert at.
  public let place: Range<Int>
  /// What stands there afterwards.
  public let text: StaticString

  /// Whether two edits are the same change.
  public static func == (a: Self, b: Self) -> Bool {
    a.place == b.place
      && a.text.withUTF8Buffer { a in b.text.withUTF8Buffer { b in unsafe a.elementsEqual(b) } }
  }
}
