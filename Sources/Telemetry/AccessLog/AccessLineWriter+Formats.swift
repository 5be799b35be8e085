// Lines that are not JSON, and datagrams for the journal. Texts are escaped as in JSON, so that one line stays one line.
extension AccessLineWriter {
  /// The combined format.
  mutating func writeCombined(_ entry: borrowing AccessEntry) {
    write(.clientIP, entry)
    literal(" - ")
    write(.identity, entry)
    literal(" [")
    apacheTime(entry.wallNanoseconds)
    literal("] \"")
    write(.method, entry)
    literal(" ")
    write(.path, entry)
    literal(" ")
    write(.version, entry)
    literal("\" ")
    write(.status, entry)
    literal(" ")
    write(.bytesOut, entry)
    // Where a client came from may hold what only it should know.
    literal(" \"-\" \"")
    write(.userAgent, entry)
    literal("\"\n")
  }

  /// A template with its fields filled in.
  mutating func write(_ template: AccessTemplate, _ entry: borrowing AccessEntry) {
    for piece in template.pieces {
      switch piece {
      case .text(let bytes): for value in bytes { byte(value) }
      case .field(let field): write(field, entry)
      }
    }
    byte(0x0A)
  }

  /// A datagram of the journal's native protocol: a field a line, with a message for people.
  mutating func writeJournal(_ entry: borrowing AccessEntry) {
    literal("SYSLOG_IDENTIFIER=certd\nCERTD_LOG=access\nPRIORITY=")
    let status = entry.status
    literal(status >= 500 || status == 0 ? "4" : "6")
    literal("\nMESSAGE=")
    write(.method, entry)
    literal(" ")
    write(.path, entry)
    literal(" ")
    write(.status, entry)
    for (field, name) in Self.journalFields where isKnown(field, entry) {
      literal("\n")
      literal(name)
      write(field, entry)
    }
    literal("\n")
  }

  private static let journalFields: [(AccessField, StaticString)] = [
    (.clientIP, "CERTD_CLIENT_IP="), (.method, "CERTD_METHOD="), (.host, "CERTD_HOST="),
    (.path, "CERTD_PATH="), (.status, "CERTD_STATUS="), (.bytesIn, "CERTD_BYTES_IN="),
    (.bytesOut, "CERTD_BYTES_OUT="), (.duration, "CERTD_DURATION_US="), (.firstByte, "CERTD_FIRST_BYTE_US="),
    (.service, "CERTD_SERVICE="), (.backend, "CERTD_BACKEND="), (.attempts, "CERTD_ATTEMPTS="),
    (.tls, "CERTD_TLS="), (.identity, "CERTD_IDENTITY="), (.model, "CERTD_MODEL="), (.key, "CERTD_KEY="),
    (.promptTokens, "CERTD_PROMPT_TOKENS="), (.cachedTokens, "CERTD_CACHED_TOKENS="),
    (.completionTokens, "CERTD_COMPLETION_TOKENS="), (.firstToken, "CERTD_FIRST_TOKEN_US="),
    (.requestID, "CERTD_REQUEST_ID="), (.traceID, "CERTD_TRACE_ID="),
  ]

  private func text(_ field: AccessField, _ entry: borrowing AccessEntry) -> UnsafeRawBufferPointer? {
    switch field {
    case .clientIP: unsafe entry.client
    case .method: unsafe entry.method
    case .host: unsafe entry.host
    case .path: unsafe Self.path(of: entry.target)
    case .service: unsafe entry.service
    case .backend: unsafe entry.backend
    case .identity: unsafe entry.identity
    case .requestID: unsafe entry.requestID
    case .traceID: unsafe entry.traceID
    case .userAgent: unsafe entry.userAgent
    case .model: unsafe entry.model?.name ?? UnsafeRawBufferPointer(start: nil, count: 0)
    case .key: unsafe entry.model?.key ?? UnsafeRawBufferPointer(start: nil, count: 0)
    default: nil
    }
  }

  private func value(_ field: AccessField, _ entry: borrowing AccessEntry) -> UInt64? {
    switch field {
    case .status: UInt64(entry.status)
    case .bytesIn: entry.bytesIn
    case .bytesOut: entry.bytesOut
    case .duration: entry.durationMicroseconds
    case .firstByte: entry.firstByteMicroseconds > 0 ? entry.firstByteMicroseconds : nil
    case .attempts: entry.attempts > 0 ? UInt64(entry.attempts) : nil
    case .promptTokens: entry.model?.promptTokens.map { UInt64(clamping: $0) }
    case .cachedTokens: entry.model?.cachedTokens.map { UInt64(clamping: $0) }
    case .completionTokens: entry.model.map { UInt64(clamping: $0.completionTokens) }
    case .firstToken:
      entry.model.flatMap { $0.firstTokenMicroseconds > 0 ? $0.firstTokenMicroseconds : nil }
    default: nil
    }
  }

  private func isKnown(_ field: AccessField, _ entry: borrowing AccessEntry) -> Bool {
    if let text = unsafe text(field, entry) { return text.count > 0 }
    return field == .tls ? entry.tls != .none : value(field, entry) != nil
  }

  /// One field; `-` where it is not known.
  private mutating func write(_ field: AccessField, _ entry: borrowing AccessEntry) {
    guard field != .time else { return time(entry.wallNanoseconds) }
    if field == .version {
      switch entry.version {
      case 0: literal("-")
      case 10: literal("HTTP/1.0")
      case 20: literal("HTTP/2.0")
      default: literal("HTTP/1.1")
      }
      return
    }
    guard isKnown(field, entry) else { return literal("-") }
    if field == .tls { return literal(entry.tls == .tls13 ? "1.3" : "1.2") }
    if let text = unsafe text(field, entry) {
      unsafe escaped(text, Self.maximum(field))
    } else {
      number(value(field, entry) ?? 0)
    }
  }

  private static func maximum(_ field: AccessField) -> Int {
    switch field {
    case .path: maximumTargetInBytes
    case .host: maximumHostInBytes
    case .clientIP, .method, .requestID, .traceID: maximumWordInBytes
    default: maximumNameInBytes
    }
  }

  /// `22/Nov/2026:15:04:05 +0000`.
  private mutating func apacheTime(_ wallNanoseconds: Int64) {
    let text = timeText(wallNanoseconds)
    guard text.count >= 19 else { return }
    func copy(_ range: Range<Int>) { for value in text[range] { byte(value) } }
    let months: [StaticString] = [
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    let month = Int(text[5] &- 0x30) * 10 + Int(text[6] &- 0x30)
    copy(8..<10)
    literal("/")
    if months.indices.contains(month - 1) { literal(months[month - 1]) }
    literal("/")
    copy(0..<4)
    literal(":")
    copy(11..<19)
    literal(" +0000")
  }
}
