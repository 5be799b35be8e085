extension RequestScan {
  /// A scan of a form (multipart/form-data, RFC 7578), whose fields `model` and `stream` are read; it has no prompt. The
  /// boundary is that of the Content-Type, without quotes; nil where it is none: of 1 to 70 visible characters and spaces.
  public init?(boundary: UnsafeRawBufferPointer) {
    guard let form = unsafe FormReader(boundary: boundary) else { return nil }
    unsafe self.init(seed: 0, blocks: nil, capacity: 0)
    self.form = form
  }

  mutating func readForm(_ piece: UnsafeRawBufferPointer) {
    var at = 0
    while at < piece.count, phase != .failed, form.state != .over {
      if form.state == .content {
        unsafe readContent(piece, &at)
      } else {
        readHead(unsafe piece[at], form.offset + at)
        at += 1
      }
    }
    form.offset += piece.count
  }

  mutating func endForm() {
    if form.state == .over { isWhole = true } else { fail(.formEnd, at: form.offset) }
  }

  /// Content up to the next delimiter. A carriage return begins a delimiter and is nowhere else in it, so that a search that
  /// fails goes on with the byte at which it has.
  private mutating func readContent(_ piece: UnsafeRawBufferPointer, _ at: inout Int) {
    while at < piece.count {
      if form.matched == 0 {
        let end = unsafe ByteSearch.first(0x0D, in: piece, from: at)
        unsafe put(UnsafeRawBufferPointer(rebasing: piece[at..<end]))
        at = end
        guard at < piece.count else { return }
      }
      guard unsafe piece[at] == form.delimiter[form.matched] else {
        for index in 0..<form.matched { put(form.delimiter[index]) }
        form.matched = 0
        continue
      }
      at += 1
      form.matched += 1
      if form.matched == form.delimiterCount {
        endPart(at: form.offset + at - form.delimiterCount)
        form.matched = 0
        form.state = .tail
        return
      }
    }
  }

  private mutating func put(_ run: UnsafeRawBufferPointer) {
    guard form.sink != .none else { return }
    for index in 0..<run.count { unsafe put(run[index]) }
  }

  private mutating func put(_ byte: UInt8) {
    switch form.sink {
    case .none: break
    case .model: modelText.put(byte)
    case .stream: name.put(byte)
    }
  }

  private mutating func endPart(at offset: Int) {
    switch form.sink {
    case .none: break
    case .model:
      modelEnd = offset
      model = modelText.verdict
    case .stream:
      let isTrue = name.matchesIgnoringCase("true") || name.matches("1")
      let isFalse = name.matchesIgnoringCase("false") || name.matches("0")
      if isTrue || isFalse { streams = isTrue ? 1 : 0 }
    }
    form.sink = .none
  }

  /// The head of a part has ended: what becomes of its content.
  private mutating func beginPart(at offset: Int) {
    form.state = .content
    if form.field.matchesIgnoringCase("model") {
      if model != .none || !form.field.matches("model") {
        model = .doubled
      } else if form.isFile {
        model = .notText
      } else {
        modelStart = offset
        form.sink = .model
      }
    } else if form.field.matches("stream"), !form.isFile {
      name.clear()
      form.sink = .stream
    }
  }

  /// One byte between a delimiter and a part's content.
  private mutating func readHead(_ byte: UInt8, _ offset: Int) {
    form.headBytes += 1
    let next: FormReader.State?
    switch form.state {
    case .tail: next = byte == UInt8(ascii: "-") ? .dash : afterPadding(byte)
    case .dash: next = byte == UInt8(ascii: "-") ? .over : nil
    case .padding: next = afterPadding(byte)
    case .tailEnd:
      next = byte == 0x0A ? .lineStart : nil
      (form.hasDisposition, form.hasName, form.isFile, form.headBytes) = (false, false, false, 0)
      form.field.clear()
    case .headEnd:
      guard byte == 0x0A else { return fail(.part, at: offset) }
      return beginPart(at: offset + 1)
    case .lineEnd: next = byte == 0x0A ? .lineStart : nil
    case .lineStart, .fieldName, .fieldValue: next = afterField(byte)
    default: next = afterParameter(byte)
    }
    guard let next, form.headBytes <= FormReader.maximumHeadBytes else { return fail(.part, at: offset) }
    form.state = next
  }

  private func afterPadding(_ byte: UInt8) -> FormReader.State? {
    byte == 0x20 || byte == 0x09 ? .padding : byte == 0x0D ? .tailEnd : nil
  }

  /// Behind a byte of a line of the head. Lines that go on in the next one, and white space around names, are read in
  /// different ways by different readers, and refused.
  private mutating func afterField(_ byte: UInt8) -> FormReader.State? {
    guard byte != 0x0A else { return nil }
    switch form.state {
    case .lineStart:
      if byte == 0x0D { return .headEnd }
      name.clear()
      fallthrough
    case .fieldName:
      if byte == UInt8(ascii: ":") {
        guard name.matchesIgnoringCase("content-disposition") else { return .fieldValue }
        guard !form.hasDisposition else { return nil }
        form.hasDisposition = true
        return .kind
      }
      name.put(byte)
      return byte > 0x20 && byte < 0x7F ? .fieldName : nil
    default: return byte == 0x0D ? .lineEnd : .fieldValue
    }
  }

  /// Behind a byte of Content-Disposition (RFC 6266 §4.1). Names in other encodings (`name*`) are not for forms (RFC 7578
  /// §4.2), but there are readers of them.
  private mutating func afterParameter(_ byte: UInt8) -> FormReader.State? {
    guard byte != 0x0A else { return nil }
    let isSpace = byte == 0x20 || byte == 0x09
    let isReturn = byte == 0x0D
    switch form.state {
    case .kind, .valueEnd:
      if byte == UInt8(ascii: ";") {
        name.clear()
        return .parameter
      }
      return isReturn ? .lineEnd : form.state == .kind || isSpace ? form.state : nil
    case .parameter:
      if isSpace { return name.count == 0 ? .parameter : nil }
      if byte == UInt8(ascii: "=") { return beginValue() }
      if isReturn || byte == UInt8(ascii: ";") {
        guard name.count == 0 else { return nil }
        return isReturn ? .lineEnd : .parameter
      }
      name.put(byte)
      return .parameter
    case .valueStart where byte == UInt8(ascii: "\""): return .quoted
    case .valueStart, .token:
      if isReturn { return .lineEnd }
      if isSpace { return form.state == .token ? .valueEnd : nil }
      if byte == UInt8(ascii: ";") {
        name.clear()
        return .parameter
      }
      // A quote or an escape within a token is read in more than one way.
      guard byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") else { return nil }
      putName(byte)
      return .token
    case .quoted:
      if byte == UInt8(ascii: "\"") { return .valueEnd }
      // Names of files have quotes in them; whether the backslash counts does not matter there.
      if byte == UInt8(ascii: "\\") { return form.parameter == .file ? .escaped : nil }
      putName(byte)
      return isReturn ? nil : .quoted
    case .escaped: return isReturn ? nil : .quoted
    default: return nil
    }
  }

  private mutating func putName(_ byte: UInt8) {
    if form.parameter == .name { form.field.put(byte) }
  }

  /// Behind the `=` of a parameter; nil when it tells the part's name twice, or in a way that not all readers know.
  private mutating func beginValue() -> FormReader.State? {
    if name.matchesIgnoringCase("name") {
      guard !form.hasName else { return nil }
      form.hasName = true
      form.parameter = .name
    } else if name.matchesIgnoringCase("filename") || name.beginsIgnoringCase(with: "filename*") {
      form.parameter = .file
      form.isFile = true
    } else {
      guard !name.beginsIgnoringCase(with: "name*") else { return nil }
      form.parameter = .other
    }
    return name.count == 0 ? nil : .valueStart
  }
}
