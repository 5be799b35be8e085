internal import JSON

/// Reads one document or event of a response: whether it carries something that the model has made, and what it says of
/// tokens, the end and errors.
struct ResponseReader: BitwiseCopyable {
  enum Phase: UInt8 { case members, name, value, skip, delta, text, type, number, over }

  /// Where in an event it is.
  struct Position: BitwiseCopyable {
    var scanner = JSONScanner(maximumDepth: ResponseScan.maximumDepth, maximumBytes: .max)
    var phase = Phase.value
    var member = ResponseMember.element
    /// The objects and arrays that are open and followed, one byte each, the innermost lowest; and how many.
    var places: UInt64 = 0
    var depth = 0
    /// Whether the event carries content.
    var hasContent = false
    /// Whether it says that it is the last one, which counts once it is whole.
    var isLast = false
    /// Whether it has said anything else that outlives it.
    var hasSaid = false
  }

  private var position = Position()
  private var name = ShortName()
  private var number = WholeNumber()
  private var beginning = EventBeginning()

  /// What has been seen in all events.
  private(set) var hasError = false
  private(set) var tokens = TokenCounts()

  /// Whether the event carries content.
  var hasContent: Bool { position.hasContent }

  /// Makes ready for the next event; what is known of tokens, the end and errors stays.
  mutating func begin() { position = Position() }

  /// Reads the next piece of the event.
  mutating func feed(_ piece: UnsafeRawBufferPointer) {
    var at = 0
    if position.scanner.offset == 0, position.phase == .value, unsafe beginning.matches(piece) {
      position = beginning.position
      at = beginning.count
    }
    while unsafe step(piece, &at) {}
  }

  /// Whether the event is whole and says that it is the last one, once no more of it comes.
  mutating func isLast() -> Bool { position.isLast && isWhole() }

  /// Whether the event is whole, once no more of it comes.
  mutating func isWhole() -> Bool {
    var token = position.scanner.finish()
    while token != .end, token != .malformed { token = position.scanner.finish() }
    return token == .end
  }

  private var place: ResponsePlace {
    ResponsePlace(rawValue: UInt8(truncatingIfNeeded: position.places)) ?? .top
  }

  @inline(never)
  private mutating func noteBeginning(_ piece: UnsafeRawBufferPointer, _ at: Int) {
    unsafe beginning.note(piece, at, position)
  }

  private mutating func noteEnd() {
    position.isLast = true
  }

  private mutating func noteError() {
    hasError = true
    position.hasSaid = true
  }

  private mutating func enter(_ place: ResponsePlace) {
    position.places = position.places << 8 | UInt64(place.rawValue)
    position.depth += 1
    position.phase = .members
  }

  private mutating func leave() {
    position.places >>= 8
    position.depth -= 1
    position.phase = .members
  }

  /// Reads on; false when the piece is used up, or nothing more can be read.
  private mutating func step(_ piece: UnsafeRawBufferPointer, _ at: inout Int) -> Bool {
    switch position.phase {
    case .over: return false
    case .skip: return goOn(unsafe position.scanner.skip(to: position.depth, piece, &at))
    case .members: return unsafe readMember(piece, &at)
    case .name: return unsafe readName(piece, &at)
    case .value:
      if position.member.isShortText, let run = unsafe position.scanner.wholeString(piece, &at) {
        takeText(unsafe ShortText(UnsafeRawBufferPointer(rebasing: piece[run])))
        return true
      }
      let token = unsafe position.scanner.next(piece, &at)
      switch token {
      case .more, .end, .malformed: return goOn(token)
      default: take(token)
      }
      if position.phase == .delta, position.scanner.offset == at { unsafe noteBeginning(piece, at) }
    case .delta: return unsafe readDelta(piece, &at)
    case .text: return unsafe readText(piece, &at)
    case .type: return unsafe readType(piece, &at)
    case .number: return unsafe readNumber(piece, &at)
    }
    return true
  }

  /// Reads names, and passes over values that nobody wants.
  @inline(__always)
  private mutating func readMember(_ piece: UnsafeRawBufferPointer, _ at: inout Int) -> Bool {
    while let run = unsafe position.scanner.wholeName(piece, &at) {
      takeName(unsafe ShortText(UnsafeRawBufferPointer(rebasing: piece[run])))
      guard position.phase == .skip else { return true }
      guard goOn(unsafe position.scanner.skip(to: position.depth, piece, &at)) else { return false }
    }
    let token = unsafe position.scanner.next(piece, &at)
    switch token {
    case .nameStart:
      name.clear()
      position.phase = .name
    case .objectEnd, .arrayEnd: leave()
    case .more, .end, .malformed: return goOn(token)
    default:
      position.member = .element(of: place)
      take(token)
    }
    return true
  }

  /// Reads a name that does not lie in one piece, or has escapes.
  @inline(never)
  private mutating func readName(_ piece: UnsafeRawBufferPointer, _ at: inout Int) -> Bool {
    let token = unsafe position.scanner.next(piece, &at)
    switch token {
    case .text(let run): unsafe name.put(UnsafeRawBufferPointer(rebasing: piece[run]))
    case .scalar(let value): name.put(scalar: value)
    case .nameEnd:
      let name = name
      name.withText { takeName($0) }
    default: return goOn(token)
    }
    return true
  }

  private mutating func takeName(_ name: ShortText) {
    position.member = ResponseMember.find(name, in: place)
    position.phase = position.member == .other ? .skip : .value
  }

  /// Goes on with the next position.member if a value has ended; false when the piece has.
  private mutating func goOn(_ token: JSONScanner.Token) -> Bool {
    switch token {
    case .more, .end: return false
    case .malformed:
      position.phase = .over
      return false
    default:
      position.phase = .members
      return true
    }
  }

  /// A value has begun, or is one word.
  private mutating func take(_ token: JSONScanner.Token) {
    position.phase = token.endsValue ? .members : .skip
    switch (position.member, token) {
    case (.element, .objectStart): enter(.top)
    case (.element, .arrayStart): if position.depth == 0 { enter(.list) } else { position.hasContent = true }
    case (.choices, .arrayStart): enter(.choices)
    case (.choice, .objectStart): enter(.choice)
    case (.delta, .objectStart): position.phase = .delta
    case (.usage, .objectStart): enter(.usage)
    case (.message, .objectStart): enter(.message)
    case (.response, .objectStart): enter(.response)
    case (.timings, .objectStart): enter(.timings)
    case (.details, .objectStart): enter(.details)
    case (.response, .stringStart), (.content, .stringStart): position.phase = .text
    case (.content, .arrayStart), (.content, .objectStart): position.phase = .delta
    case (.token, .objectStart): position.hasContent = true
    case (.generatedText, .stringStart):
      noteEnd()
      position.phase = .text
    case (.type, .stringStart), (.object, .stringStart):
      name.clear()
      position.phase = .type
    case (.done, .true): noteEnd()
    case (.error, .null), (.error, .false): break
    case (.error, _): noteError()
    case (_, .numberStart) where position.member.isCount:
      number = WholeNumber()
      position.phase = .number
    default: break
    }
  }

  /// Within an object or array that is content if there is anything in it; nothing else is wanted of it.
  private mutating func readDelta(_ piece: UnsafeRawBufferPointer, _ at: inout Int) -> Bool {
    let token = unsafe position.scanner.next(piece, &at)
    switch token {
    case .more, .end, .malformed: return goOn(token)
    case .objectEnd, .arrayEnd:
      if position.scanner.depth == position.depth {
        position.phase = .members
      } else {
        position.phase = .skip
      }
    default:
      position.hasContent = true
      // Nothing else is wanted of all choices.
      if position.member == .delta {
        leave()
        leave()
      }
      position.phase = .skip
    }
    return true
  }

  /// Within a text that is content if there is anything in it.
  private mutating func readText(_ piece: UnsafeRawBufferPointer, _ at: inout Int) -> Bool {
    let token = unsafe position.scanner.next(piece, &at)
    switch token {
    case .more, .end, .malformed: return goOn(token)
    case .stringEnd: position.phase = .members
    default:
      position.hasContent = true
      position.phase = .skip
    }
    return true
  }

  @inline(never)
  private mutating func readType(_ piece: UnsafeRawBufferPointer, _ at: inout Int) -> Bool {
    let token = unsafe position.scanner.next(piece, &at)
    switch token {
    case .text(let run): unsafe name.put(UnsafeRawBufferPointer(rebasing: piece[run]))
    case .scalar(let value): name.put(scalar: value)
    case .stringEnd:
      let name = name
      name.withText { takeText($0) }
    default: return goOn(token)
    }
    return true
  }

  private mutating func takeText(_ text: ShortText) {
    position.phase = .members
    switch position.member {
    case .type: takeType(text)
    case .object: if text.matches("error") { noteError() }
    default: position.hasContent = position.hasContent || text.count > 0
    }
  }

  /// What an event's type says (Anthropic, "Streaming messages"; OpenAI, "Streaming events").
  private mutating func takeType(_ name: ShortText) {
    if name.ends(with: ".delta") || name.matches("content_block_delta") {
      position.hasContent = true
    } else if name.matches("message_stop") || name.matches("response.completed")
      || name.matches("response.incomplete") || name.matches("transcript.text.done")
      || name.matches("speech.audio.done")
    {
      noteEnd()
    } else if name.matches("error") || name.matches("response.failed") {
      noteError()
    }
  }

  private mutating func readNumber(_ piece: UnsafeRawBufferPointer, _ at: inout Int) -> Bool {
    let token = unsafe position.scanner.next(piece, &at)
    switch token {
    case .text(let run): unsafe number.put(UnsafeRawBufferPointer(rebasing: piece[run]))
    case .numberEnd:
      if let value = number.value { tokens.take(position.member, value) }
      position.hasSaid = true
      position.phase = .members
    default: return goOn(token)
    }
    return true
  }
}

extension ResponseMember {
  /// Whether its text counts, or whether there is one.
  var isShortText: Bool { self == .content || self == .type || self == .object }

  /// Whether it is a number of tokens.
  var isCount: Bool {
    switch self {
    case .prompt, .completion, .cached, .input, .cacheRead, .cacheWritten, .evaluated: true
    default: false
    }
  }
}
