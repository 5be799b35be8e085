/// Where in a form (multipart/form-data, RFC 7578) a scan is, and what it looks for.
struct FormReader: BitwiseCopyable {
  /// The longest boundary, in bytes (RFC 2046 §5.1.1).
  static let maximumBoundaryBytes = 70
  /// The longest head of one part, in bytes.
  static let maximumHeadBytes = 8 * 1024

  enum State: UInt8 {
    /// Content of a part, or what stands before the first one, and how much of a delimiter has come.
    case content
    /// Behind a delimiter, up to the end of its line.
    case tail, dash, padding, tailEnd
    /// A part's head: lines, and the parameters of Content-Disposition.
    case lineStart, fieldName, fieldValue, lineEnd, headEnd
    case kind, parameter, valueStart, quoted, escaped, token, valueEnd
    /// Behind the last delimiter.
    case over
  }

  /// What a parameter of Content-Disposition tells, and what becomes of a part's content.
  enum Parameter: UInt8 { case name, file, other }
  enum Sink: UInt8 { case none, model, stream }

  var state = State.content
  private(set) var delimiter = InlineArray<74, UInt8>(repeating: 0)
  /// 0 for a scan of JSON.
  private(set) var delimiterCount = 0
  /// How much of a delimiter has come; a line's end counts as before the first byte.
  var matched = 2
  /// Bytes in the pieces before.
  var offset = 0
  var headBytes = 0
  var parameter = Parameter.other
  /// The part's name, and what else its head says.
  var field = ShortName()
  var hasDisposition = false
  var hasName = false
  var isFile = false
  var sink = Sink.none

  /// No form.
  init() {}

  /// A form of a boundary; nil where that is none: a carriage return inside would need another search.
  init?(boundary: UnsafeRawBufferPointer) {
    guard (1...Self.maximumBoundaryBytes).contains(boundary.count) else { return nil }
    add(0x0D)
    add(0x0A)
    add(UInt8(ascii: "-"))
    add(UInt8(ascii: "-"))
    for index in 0..<boundary.count {
      let byte = unsafe boundary[index]
      guard (0x20..<0x7F).contains(byte) else { return nil }
      add(byte)
    }
  }

  private mutating func add(_ byte: UInt8) {
    delimiter[delimiterCount] = byte
    delimiterCount += 1
  }
}
