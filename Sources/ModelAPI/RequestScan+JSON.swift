internal import JSON

extension RequestScan {
  /// A byte order mark in UTF-8, which RFC 8259 §8.1 lets a reader pass over.
  private static let mark: StaticString = "\u{FEFF}"

  mutating func readJSON(_ piece: UnsafeRawBufferPointer) {
    var at = 0
    if phase == .start { unsafe readFront(piece, &at) }
    while unsafe step(piece, &at) {}
  }

  /// Passes over what may stand before the object.
  private mutating func readFront(_ piece: UnsafeRawBufferPointer, _ at: inout Int) {
    while at < piece.count {
      let byte = unsafe piece[at]
      if markBytes < Self.mark.utf8CodeUnitCount, front == 0,
        unsafe markBytes > 0 || byte == Self.mark.utf8Start[0]
      {
        guard unsafe byte == Self.mark.utf8Start[markBytes] else { return fail(.noObject, at: markBytes) }
        markBytes += 1
      } else if byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
        front += 1
      } else {
        front += markBytes
        markBytes = 0
        guard byte == UInt8(ascii: "{") else { return fail(.noObject, at: front) }
        phase = .members
        _ = unsafe scanner.next(piece, &at)
        usage.open = front + scanner.offset
        return
      }
      at += 1
    }
  }

  /// Reads on; false when the piece is used up, or nothing more can be read.
  private mutating func step(_ piece: UnsafeRawBufferPointer, _ at: inout Int) -> Bool {
    switch phase {
    case .start, .failed: return false
    case .members: return unsafe readMember(piece, &at)
    case .name: return unsafe readName(piece, &at)
    case .value: return unsafe readValue(piece, &at)
    case .skip:
      return leave(unsafe scanner.skip(to: depth, piece, &at))
    case .prompt:
      let start = at
      let token = unsafe scanner.skip(to: depth, piece, &at)
      unsafe hasher.add(UnsafeRawBufferPointer(rebasing: piece[start..<at]))
      return leave(token)
    case .session:
      let start = at
      let token = unsafe scanner.skip(to: depth, piece, &at)
      let end = token == .stringEnd ? at - 1 : at
      unsafe session.add(UnsafeRawBufferPointer(rebasing: piece[start..<end]))
      if token == .stringEnd { endSession() }
      return leave(token)
    case .model: return unsafe readModel(piece, &at)
    case .number: return unsafe readNumber(piece, &at)
    case .list: return unsafe readList(piece, &at)
    case .text:
      let start = at
      let token = unsafe scanner.skip(to: depth + 1, piece, &at)
      unsafe hasher.add(UnsafeRawBufferPointer(rebasing: piece[start..<at]))
      guard leave(token) else { return false }
      phase = .list
      return true
    }
  }

  /// In a list that may be one of prompts: it is where texts or lists of tokens stand in it, and else one prompt.
  private mutating func readList(_ piece: UnsafeRawBufferPointer, _ at: inout Int) -> Bool {
    if !isListed {
      var place = at
      while place < piece.count, unsafe Self.isSpace(piece[place]) { place += 1 }
      if place > at {
        // White space before the first one belongs to none.
        _ = unsafe scanner.next(UnsafeRawBufferPointer(rebasing: piece[at..<place]), &scratch)
        at = place
      }
      scratch = 0
      guard at < piece.count else { return false }
      let byte = unsafe piece[at]
      isListed = byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "[")
      guard isListed else {
        unsafe withUnsafeBytes(of: UInt8(ascii: "[")) { unsafe hasher.add($0) }
        phase = .prompt
        return true
      }
    }
    let token = unsafe scanner.next(piece, &at)
    switch token {
    case .stringStart, .arrayStart, .objectStart:
      texts += 1
      if texts > 1 { hasher.restart() }
      unsafe hasher.add(UnsafeRawBufferPointer(rebasing: piece[at - 1..<at]))
      phase = .text
      return true
    case .numberStart:
      phase = .text
      return true
    case .arrayEnd:
      phase = .members
      return true
    case .true, .false, .null: return true
    default: return leave(token)
    }
  }

  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
  }

  /// Open objects around the member that is being read.
  private var depth: Int { parent == .other ? 1 : 2 }

  /// Goes on with the next member if a value has ended; false when the piece has.
  private mutating func leave(_ token: JSONScanner.Token) -> Bool {
    switch token {
    case .more, .end: return false
    case .malformed:
      failAsScanner()
      return false
    default:
      phase = .members
      return true
    }
  }

  private mutating func readMember(_ piece: UnsafeRawBufferPointer, _ at: inout Int) -> Bool {
    if let run = unsafe scanner.wholeName(piece, &at) {
      takeName(unsafe ShortText(UnsafeRawBufferPointer(rebasing: piece[run])))
      return true
    }
    let token = unsafe scanner.next(piece, &at)
    switch token {
    case .nameStart:
      name.clear()
      phase = .name
      return true
    case .objectEnd:
      parent = .other
      return true
    default: return leave(token)
    }
  }

  private mutating func readName(_ piece: UnsafeRawBufferPointer, _ at: inout Int) -> Bool {
    let token = unsafe scanner.next(piece, &at)
    switch token {
    case .text(let run): unsafe name.put(UnsafeRawBufferPointer(rebasing: piece[run]))
    case .scalar(let value): name.put(scalar: value)
    case .nameEnd:
      let name = name
      name.withText { takeName($0) }
    default: return leave(token)
    }
    return true
  }

  /// What follows from a name alone.
  private mutating func takeName(_ name: ShortText) {
    member = Member.find(name, in: parent)
    phase = .value
    if parent == .streamOptions { usage.isEmpty = false }
    guard parent == .other, name.matchesIgnoringCase("model") else { return }
    if model != .none || !name.matches("model") {
      model = .doubled
      member = .other
    }
  }

  private mutating func readValue(_ piece: UnsafeRawBufferPointer, _ at: inout Int) -> Bool {
    let token = unsafe scanner.next(piece, &at)
    switch token {
    case .more, .end, .malformed: return leave(token)
    default: break
    }
    if member == .streamOptions || member == .includeUsage { noteUsage(token) }
    switch (member, token) {
    case (.model, .stringStart):
      modelStart = front + scanner.offset
      phase = .model
      return true
    case (.model, _): model = .notText
    case (.stream, .true): streams = 1
    case (.stream, .false): streams = 0
    case (.limit, .numberStart), (.choices, .numberStart):
      number = WholeNumber()
      phase = .number
      return true
    case (.options, .objectStart), (.metadata, .objectStart), (.streamOptions, .objectStart):
      parent = member
      phase = .members
      return true
    case (.prompts, .arrayStart):
      isListed = false
      phase = .list
      return true
    case (.prompt, .stringStart), (.text, .stringStart), (.prompt, .objectStart), (.prompt, .arrayStart),
      (.prompts, .stringStart), (.prompts, .objectStart):
      unsafe hasher.add(UnsafeRawBufferPointer(rebasing: piece[at - 1..<at]))
      phase = .prompt
      return true
    default:
      if member.sessionRank < sessionRank, token == .stringStart {
        session = TextHash(seed: seed)
        phase = .session
        return true
      }
    }
    phase = token.endsValue ? .members : .skip
    return true
  }

  private mutating func readModel(_ piece: UnsafeRawBufferPointer, _ at: inout Int) -> Bool {
    let token = unsafe scanner.next(piece, &at)
    switch token {
    case .text(let run): unsafe modelText.put(UnsafeRawBufferPointer(rebasing: piece[run]))
    case .scalar(let value): modelText.put(scalar: value)
    case .stringEnd:
      modelEnd = front + scanner.offset - 1
      model = modelText.verdict
      phase = .members
    default: return leave(token)
    }
    return true
  }

  private mutating func readNumber(_ piece: UnsafeRawBufferPointer, _ at: inout Int) -> Bool {
    let token = unsafe scanner.next(piece, &at)
    switch token {
    case .text(let run): unsafe number.put(UnsafeRawBufferPointer(rebasing: piece[run]))
    case .numberEnd:
      let value = number.value ?? -1
      if member == .limit { limit = max(limit, value) } else { choiceCount = max(choiceCount, value) }
      phase = .members
    default: return leave(token)
    }
    return true
  }

  private mutating func endSession() {
    sessionRank = member.sessionRank
    sessionValue = session.value
  }

  private mutating func noteUsage(_ token: JSONScanner.Token) {
    let offset = front + scanner.offset
    if member == .streamOptions { usage.noteOptions(token, offset) } else { usage.noteFlag(token, offset) }
  }
}

extension JSONScanner.Token {
  /// Whether a value that begins with this token is over.
  var endsValue: Bool {
    switch self {
    case .true, .false, .null: true
    default: false
    }
  }
}

extension ModelText {
  /// What it is as the name of a model.
  var verdict: ModelName { count == 0 ? .notText : count > RequestScan.maximumModelBytes ? .tooLong : .named }
}
