import Bytes
import JSON

/// Writes access lines into memory that it does not own. Nothing allocates, except once a second for the
/// time.
@safe struct AccessLineWriter {
  /// Bounds of each text after escaping, in bytes. Together with the fixed parts they stay below PIPE_BUF, so
  /// that lines of several workers into one pipe never mix.
  static let maximumTargetInBytes = 1280
  /// The longest host that is written, in bytes.
  static let maximumHostInBytes = 512
  /// The longest name of a service or backend that is written, in bytes.
  static let maximumNameInBytes = 256
  /// The longest address, method or identifier that is written, in bytes.
  static let maximumWordInBytes = 64
  /// The longest line, in bytes.
  static let maximumLineInBytes = 4096

  private var cursor: UnsafeMutablePointer<UInt8>
  private var second = Int64.min
  /// `2026-11-22T15:04:05` of that second.
  private var secondText: [UInt8] = []

  init(_ start: UnsafeMutablePointer<UInt8>) { unsafe cursor = unsafe start }

  /// Writes a line where at least ``maximumLineInBytes`` are free; answers its length.
  mutating func write(
    _ entry: borrowing AccessEntry, _ format: AccessFormat, at start: UnsafeMutablePointer<UInt8>
  ) -> Int {
    unsafe cursor = unsafe start
    switch format {
    case .json: writeJSON(entry)
    case .combined: writeCombined(entry)
    case .template(let template): write(template, entry)
    }
    return unsafe cursor - start
  }

  /// Writes a datagram for the journal; answers its length.
  mutating func writeDatagram(
    _ entry: borrowing AccessEntry, at start: UnsafeMutablePointer<UInt8>
  ) -> Int {
    unsafe cursor = unsafe start
    writeJournal(entry)
    return unsafe cursor - start
  }

  private mutating func writeJSON(_ entry: borrowing AccessEntry) {
    literal("{\"time\":\"")
    time(entry.wallNanoseconds)
    literal("\",\"client\":\"")
    unsafe escaped(entry.client, Self.maximumWordInBytes)
    literal("\",\"method\":\"")
    unsafe escaped(entry.method, Self.maximumWordInBytes)
    literal("\",\"host\":\"")
    unsafe escaped(entry.host, Self.maximumHostInBytes)
    literal("\",\"path\":\"")
    unsafe escaped(Self.path(of: entry.target), Self.maximumTargetInBytes)
    literal("\",\"status\":")
    number(UInt64(entry.status))
    literal(",\"bytes_in\":")
    number(entry.bytesIn)
    literal(",\"bytes_out\":")
    number(entry.bytesOut)
    literal(",\"duration_us\":")
    number(entry.durationMicroseconds)
    literal(",\"service\":\"")
    unsafe escaped(entry.service, Self.maximumNameInBytes)
    literal("\",\"backend\":\"")
    unsafe escaped(entry.backend, Self.maximumNameInBytes)
    switch entry.tls {
    case .none: literal("\",\"tls\":\"")
    case .tls12: literal("\",\"tls\":\"1.2")
    case .tls13: literal("\",\"tls\":\"1.3")
    }
    if unsafe entry.identity.count > 0 {
      literal("\",\"identity\":\"")
      unsafe escaped(entry.identity, Self.maximumNameInBytes)
    }
    literal("\"")
    if entry.firstByteMicroseconds > 0 {
      literal(",\"first_byte_us\":")
      number(entry.firstByteMicroseconds)
    }
    if let model = entry.model { write(model) }
    if entry.attempts > 0 {
      literal(",\"attempts\":")
      number(UInt64(clamping: entry.attempts))
    }
    if unsafe entry.requestID.count > 0 {
      literal(",\"request_id\":\"")
      unsafe escaped(entry.requestID, Self.maximumWordInBytes)
      literal("\"")
    }
    if unsafe entry.traceID.count > 0 {
      literal(",\"trace_id\":\"")
      unsafe escaped(entry.traceID, Self.maximumWordInBytes)
      literal("\"")
    }
    literal("}\n")
  }

  private mutating func write(_ model: AccessEntry.Model) {
    if unsafe model.name.count > 0 {
      literal(",\"model\":\"")
      unsafe escaped(model.name, Self.maximumNameInBytes)
      literal("\"")
    }
    if unsafe model.key.count > 0 {
      literal(",\"key\":\"")
      unsafe escaped(model.key, Self.maximumNameInBytes)
      literal("\"")
    }
    if let tokens = model.promptTokens {
      literal(",\"prompt_tokens\":")
      number(UInt64(clamping: tokens))
    }
    if let tokens = model.cachedTokens {
      literal(",\"cached_tokens\":")
      number(UInt64(clamping: tokens))
    }
    literal(",\"completion_tokens\":")
    number(UInt64(clamping: model.completionTokens))
    if model.firstTokenMicroseconds > 0 {
      literal(",\"first_token_us\":")
      number(model.firstTokenMicroseconds)
    }
  }

  static func path(of target: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    let end = unsafe target.firstIndex { $0 == 0x3F || $0 == 0x23 } ?? target.count
    return unsafe UnsafeRawBufferPointer(rebasing: target[..<end])
  }

  mutating func byte(_ value: UInt8) {
    unsafe cursor.pointee = value
    unsafe cursor += 1
  }

  mutating func literal(_ text: StaticString) {
    unsafe cursor.update(from: text.utf8Start, count: text.utf8CodeUnitCount)
    unsafe cursor += text.utf8CodeUnitCount
  }

  mutating func number(_ value: UInt64) {
    var divisor: UInt64 = 1
    while value / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      byte(0x30 + UInt8(truncatingIfNeeded: value / divisor % 10))
      divisor /= 10
    }
  }

  /// The inside of a JSON string, which is one whatever a client sent.
  mutating func escaped(_ bytes: UnsafeRawBufferPointer, _ maximum: Int) {
    unsafe cursor += JSONString.escape(
      bytes, into: UnsafeMutableBufferPointer(start: cursor, count: maximum))
  }

  mutating func time(_ wallNanoseconds: Int64) {
    let now = max(0, wallNanoseconds)
    for value in timeText(now) { byte(value) }
    let milliseconds = UInt8(truncatingIfNeeded: now / 1_000_000 % 1000 / 10)
    byte(0x2E)
    byte(0x30 + milliseconds / 10)
    byte(0x30 + milliseconds % 10)
    byte(0x30 + UInt8(truncatingIfNeeded: now / 1_000_000 % 10))
    byte(0x5A)
  }

  /// `2026-11-22T15:04:05` of a time; made once a second.
  mutating func timeText(_ wallNanoseconds: Int64) -> [UInt8] {
    let now = max(0, wallNanoseconds) / 1_000_000_000
    if now != second {
      second = now
      secondText = Array(UnixTime(seconds: second).description.utf8.dropLast())
    }
    return secondText
  }
}
