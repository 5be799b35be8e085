import CYAML

/// Bounds on a document, so that a hostile or mistaken file costs little.
enum YAMLLimits {
  /// The largest file, in bytes.
  static let fileSizeInBytes = 16 << 20
  /// The deepest nesting of lists and sections.
  static let depth = 32
  /// Values, keys included.
  static let nodeCount = 1 << 20
  /// One text, in bytes.
  static let scalarLengthInBytes = 16_384
}

/// A document that is no YAML, or more of YAML than we accept.
struct YAMLFailure: Error, Equatable {
  let position: Position
  let message: String
  let hint: String?
}

/// One event of libyaml, copied out of it.
struct YAMLEvent {
  enum Kind {
    case streamStart, streamEnd, documentStart, documentEnd
    case scalar(String, plain: Bool)
    case sequenceStart, sequenceEnd, mappingStart, mappingEnd
    case alias
  }
  let kind: Kind
  let position: Position
  let hasAnchor: Bool
  let hasTag: Bool
}

/// libyaml's event parser over bytes that outlive it.
///
/// libyaml keeps a pointer to its own structure, so that lives on the heap.
@safe struct YAMLParser: ~Copyable {
  private let parser: UnsafeMutablePointer<yaml_parser_t>
  private let input: UnsafeBufferPointer<UInt8>

  init(_ input: UnsafeBufferPointer<UInt8>) throws(YAMLFailure) {
    let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
    unsafe parser.initialize(to: yaml_parser_t())
    unsafe self.parser = unsafe parser
    unsafe self.input = unsafe input
    guard unsafe yaml_parser_initialize(parser) == 1 else {
      throw YAMLFailure(position: Position(line: 1, column: 1), message: "out of memory", hint: nil)
    }
    unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    unsafe yaml_parser_set_input_string(parser, input.baseAddress, input.count)
  }

  deinit {
    unsafe yaml_parser_delete(parser)
    unsafe parser.deallocate()
  }

  mutating func next() throws(YAMLFailure) -> YAMLEvent {
    var event = unsafe yaml_event_t()
    guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw failure() }
    defer { unsafe yaml_event_delete(&event) }
    return try unsafe copy(event)
  }

  private func copy(_ event: yaml_event_t) throws(YAMLFailure) -> YAMLEvent {
    let kind: YAMLEvent.Kind
    var anchor = false
    var tag = false
    switch unsafe event.type {
    case YAML_SCALAR_EVENT:
      let scalar = unsafe event.data.scalar
      anchor = unsafe scalar.anchor != nil
      tag = unsafe scalar.tag != nil
      guard unsafe scalar.length <= YAMLLimits.scalarLengthInBytes else {
        throw unsafe YAMLFailure(
          position: Position(event.start_mark),
          message: "a text is longer than \(YAMLLimits.scalarLengthInBytes) bytes", hint: nil)
      }
      let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
      kind = unsafe .scalar(
        String(decoding: bytes, as: UTF8.self), plain: scalar.style == YAML_PLAIN_SCALAR_STYLE)
    case YAML_SEQUENCE_START_EVENT:
      anchor = unsafe event.data.sequence_start.anchor != nil
      tag = unsafe event.data.sequence_start.tag != nil
      kind = .sequenceStart
    case YAML_MAPPING_START_EVENT:
      anchor = unsafe event.data.mapping_start.anchor != nil
      tag = unsafe event.data.mapping_start.tag != nil
      kind = .mappingStart
    case YAML_ALIAS_EVENT: kind = .alias
    case YAML_SEQUENCE_END_EVENT: kind = .sequenceEnd
    case YAML_MAPPING_END_EVENT: kind = .mappingEnd
    case YAML_DOCUMENT_START_EVENT: kind = .documentStart
    case YAML_DOCUMENT_END_EVENT: kind = .documentEnd
    case YAML_STREAM_START_EVENT: kind = .streamStart
    default: kind = .streamEnd
    }
    return unsafe YAMLEvent(
      kind: kind, position: Position(event.start_mark), hasAnchor: anchor, hasTag: tag)
  }

  private func failure() -> YAMLFailure {
    let error = unsafe parser.pointee
    let problem = unsafe error.problem.map { unsafe String(cString: $0) } ?? "malformed YAML"
    if unsafe error.error == YAML_READER_ERROR {
      return unsafe YAMLFailure(
        position: position(ofByte: Int(clamping: error.problem_offset)),
        message: "not UTF-8 text: \(problem)", hint: nil)
    }
    let position = unsafe Position(error.problem_mark)
    if byte(at: position) == 0x09 {
      return YAMLFailure(
        position: position, message: "a tab stands where YAML wants spaces", hint: "indent with spaces")
    }
    if let text = unsafe error.context.map({ unsafe String(cString: $0) }),
      text.contains("alias") || text.contains("anchor")
    {
      let mark = text.contains("alias") ? "*" : "&"
      return YAMLFailure(
        position: position, message: "`\(mark)` without quotes means something else in YAML",
        hint: mark == "*" ? "put quotes around the value: \"*.example.com\"" : "put quotes around the value")
    }
    var context = ""
    if let text = unsafe error.context, unsafe error.context_mark.line < error.problem_mark.line {
      context = unsafe " (\(String(cString: text)) that starts in line \(error.context_mark.line &+ 1))"
    }
    let line = text(ofLine: position.line)
    if line.contains("::") {
      return YAMLFailure(
        position: position, message: "`[` and `:` without quotes mean something else in YAML",
        hint: "put quotes around an IPv6 address: \"[::1]:443\"")
    }
    let hint = line.contains("${") ? "put quotes around ${…} inside brackets" : nil
    return YAMLFailure(position: position, message: "malformed YAML: \(problem)\(context)", hint: hint)
  }

  private func text(ofLine line: Int) -> String {
    let lines = unsafe Array(input).split(separator: 0x0A, omittingEmptySubsequences: false)
    return line >= 1 && line <= lines.count ? String(decoding: lines[line - 1], as: UTF8.self) : ""
  }

  /// The byte at a place; only exact where no longer character stands before it on the line.
  private func byte(at place: Position) -> UInt8? {
    var line = 1
    var start = 0
    while line < place.line, unsafe start < input.count {
      if unsafe input[start] == 0x0A { line += 1 }
      start += 1
    }
    let at = start + place.column - 1
    return unsafe at >= 0 && at < input.count ? input[at] : nil
  }

  private func position(ofByte offset: Int) -> Position {
    var line = 1
    var column = 1
    for index in 0..<(unsafe min(offset, input.count)) {
      let byte = unsafe input[index]
      if byte == 0x0A {
        line += 1
        column = 1
      } else if byte & 0xC0 != 0x80 {
        column += 1
      }
    }
    return Position(line: line, column: column)
  }
}

extension Position {
  init(_ mark: yaml_mark_t) {
    self.init(line: Int(clamping: mark.line) &+ 1, column: Int(clamping: mark.column) &+ 1)
  }
}
