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
  /// The longest line, in bytes.
  static let maximumLineInBytes = 4096

  private var cursor: UnsafeMutablePointer<UInt8>
  private var second = Int64.min
  /// `2026-11-22T15:04:05` of that second.
  private var secondText: [UInt8] = []

  init(_ start: UnsafeMutablePointer<UInt8>) { unsafe cursor = unsafe start }

  /// Writes a line where at least ``maximumLineInBytes`` are free; answers its length.
  mutating func write(_ entry: borrowing AccessEntry, at start: UnsafeMutablePointer<UInt8>) -> Int {
    unsafe cursor = unsafe start
    literal("{\"time\":\"")
    time(entry.wallNanoseconds)
    literal("\",\"client\":\"")
    unsafe escaped(entry.client, Self.maximumNameInBytes)
    literal("\",\"method\":\"")
    unsafe escaped(entry.method, Self.maximumNameInBytes)
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
    if let model = entry.model { write(model) }
    literal("}\n")
    return unsafe cursor - start
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
    literal(",\"attempts\":")
    number(UInt64(clamping: model.attempts))
  }

  private static func path(of target: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    let end = unsafe target.firstIndex { $0 == 0x3F || $0 == 0x23 } ?? target.count
    return unsafe UnsafeRawBufferPointer(rebasing: target[..<end])
  }

  private mutating func byte(_ value: UInt8) {
    unsafe cursor.pointee = value
    unsafe cursor += 1
  }

  private mutating func literal(_ text: StaticString) {
    unsafe cursor.update(from: text.utf8Start, count: text.utf8CodeUnitCount)
    unsafe cursor += text.utf8CodeUnitCount
  }

  private mutating func number(_ value: UInt64) {
    var divisor: UInt64 = 1
    while value / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      byte(0x30 + UInt8(truncatingIfNeeded: value / divisor % 10))
      divisor /= 10
    }
  }

  /// The inside of a JSON string, which is one whatever a client sent.
  private mutating func escaped(_ bytes: UnsafeRawBufferPointer, _ maximum: Int) {
    unsafe cursor += JSONString.escape(
      bytes, into: UnsafeMutableBufferPointer(start: cursor, count: maximum))
  }

  private mutating func time(_ wallNanoseconds: Int64) {
    let now = max(0, wallNanoseconds)
    if now / 1_000_000_000 != second {
      second = now / 1_000_000_000
      secondText = Array(UnixTime(seconds: second).description.utf8.dropLast())
    }
    for value in secondText { byte(value) }
    let milliseconds = UInt8(truncatingIfNeeded: now / 1_000_000 % 1000 / 10)
    byte(0x2E)
    byte(0x30 + milliseconds / 10)
    byte(0x30 + milliseconds % 10)
    byte(0x30 + UInt8(truncatingIfNeeded: now / 1_000_000 % 10))
    byte(0x5A)
  }
}
