extension ResponseScan {
  /// What OpenAI's streams end with.
  private static let mark: StaticString = "[DONE]"
  /// How nearly all lines of a stream begin, as a word of eight bytes and the ones of it that count.
  private static let dataWord: UInt64 = 0x203A_6174_6164
  private static let dataMask: UInt64 = 0xFFFF_FFFF_FFFF

  /// Lines of an event stream (WHATWG HTML §9.2.6).
  mutating func readEvents(_ piece: UnsafeRawBufferPointer) {
    var at = 0
    while at < piece.count {
      switch line {
      case .start: unsafe readStart(piece, &at)
      case .field: unsafe readField(piece, &at)
      case .space:
        if unsafe piece[at] == 0x20 { at += 1 }
        line = value
        if line == .data { beginData() }
      case .data, .event, .skip:
        let end = unsafe ByteSearch.lineEnd(in: piece, from: at)
        let run = unsafe UnsafeRawBufferPointer(rebasing: piece[at..<end])
        if line == .data { unsafe readData(run) } else if line == .event { unsafe field.put(run) }
        at = end
        if at < piece.count { unsafe endLine(piece, &at) }
      }
    }
  }

  private mutating func readStart(_ piece: UnsafeRawBufferPointer, _ at: inout Int) {
    let byte = unsafe piece[at]
    let isRest = isBehindReturn && byte == 0x0A
    isBehindReturn = false
    if isRest {
      at += 1
    } else if byte == 0x0A || byte == 0x0D {
      isBehindReturn = byte == 0x0D
      at += 1
      endEvent()
    } else if piece.count - at >= 8, unsafe Self.isData(piece, at) {
      at += 6
      beginData()
      line = .data
    } else {
      field.clear()
      line = .field
    }
  }

  private static func isData(_ piece: UnsafeRawBufferPointer, _ at: Int) -> Bool {
    let word = unsafe UInt64(littleEndian: piece.loadUnaligned(fromByteOffset: at, as: UInt64.self))
    return word & dataMask == dataWord
  }

  private mutating func readField(_ piece: UnsafeRawBufferPointer, _ at: inout Int) {
    while at < piece.count {
      let byte = unsafe piece[at]
      if byte == UInt8(ascii: ":") {
        at += 1
        return beginValue()
      }
      if byte == 0x0A || byte == 0x0D {
        // A field without a value: of data, an empty line.
        beginValue()
        if value == .data { beginData() }
        line = value
        return unsafe endLine(piece, &at)
      }
      field.put(byte)
      at += 1
    }
  }

  /// Behind a field's name, which is empty for a comment.
  private mutating func beginValue() {
    line = .space
    value = .skip
    guard field.count > 0 else { return }
    hasLines = true
    if field.matches("data") {
      value = .data
    } else if field.matches("event") {
      value = .event
    } else if field.matches("error") {
      // llama.cpp's way to say so.
      hasErrorField = true
    }
    field.clear()
  }

  private mutating func endLine(_ piece: UnsafeRawBufferPointer, _ at: inout Int) {
    if line == .event, field.matches("error") { hasErrorField = true }
    isBehindReturn = unsafe piece[at] == 0x0D
    at += 1
    line = .start
  }

  /// A line of data begins; those of one event are joined by line feeds.
  private mutating func beginData() {
    hasLines = true
    guard dataBytes > 0 else { return reader.begin() }
    let feed = InlineArray<1, UInt8>(repeating: 0x0A)
    unsafe withUnsafeBytes(of: feed) { unsafe readData($0) }
  }

  private mutating func readData(_ run: UnsafeRawBufferPointer) {
    if dataBytes == markBytes, markBytes <= Self.mark.utf8CodeUnitCount {
      var index = 0
      while index < run.count, markBytes < Self.mark.utf8CodeUnitCount,
        unsafe run[index] == Self.mark.utf8Start[markBytes]
      {
        index += 1
        markBytes += 1
      }
    }
    dataBytes += run.count
    unsafe reader.feed(run)
  }

  /// An event, or a line of its own, has ended.
  mutating func endEvent() {
    if dataBytes > 0 {
      if reader.hasContent { contentEvents += 1 }
      let isMark = dataBytes == Self.mark.utf8CodeUnitCount && markBytes == dataBytes
      if isMark || reader.isLast() { hasLast = true }
    }
    hasLines = false
    dataBytes = 0
    markBytes = 0
  }

  /// Lines of JSON, each a document.
  mutating func readLines(_ piece: UnsafeRawBufferPointer) {
    var at = 0
    while at < piece.count {
      let end = unsafe ByteSearch.first(0x0A, in: piece, from: at)
      if end > at {
        if dataBytes == 0 { reader.begin() }
        dataBytes += end - at
        unsafe reader.feed(UnsafeRawBufferPointer(rebasing: piece[at..<end]))
      }
      at = end
      guard at < piece.count else { return }
      endEvent()
      at += 1
    }
  }
}
