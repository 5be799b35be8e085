/// Names and values of HTTP fields (RFC 9110 §5).
enum FieldText {
  /// The longest name of a field, in bytes.
  static let maximumNameInBytes = 128
  /// The longest value of a field, in bytes.
  static let maximumValueInBytes = 4096

  /// Fields that frame messages or belong to one connection (RFC 9110 §7.6.1): certd sets them itself.
  static let reserved: Set<String> = [
    "connection", "content-length", "host", "keep-alive", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade",
  ]

  /// A field name, in the letters in which it was written.
  static func name(_ text: String) throws(Invalid) -> String {
    let symbols = Set("!#$%&'*+-.^_`|~".utf8)
    guard (1...maximumNameInBytes).contains(text.utf8.count),
      text.utf8.allSatisfy({
        symbols.contains($0) || (0x30...0x39).contains($0) || (0x41...0x5A).contains($0)
          || (0x61...0x7A).contains($0)
      })
    else { throw Invalid("\(quoted(text)) is no field name (RFC 9110 §5.1)") }
    guard !reserved.contains(text.lowercased()) else {
      throw Invalid("\(quoted(text)) belongs to the connection and cannot be changed here")
    }
    return text
  }

  /// A field value; never quoted in an error, because it may be a secret.
  static func value(_ text: String) throws(Invalid) -> String {
    guard text.utf8.count <= maximumValueInBytes else {
      throw Invalid("the value is longer than \(maximumValueInBytes) bytes")
    }
    guard text.utf8.allSatisfy({ $0 == 0x09 || ($0 >= 0x20 && $0 != 0x7F) }) else {
      throw Invalid("the value holds a control character (RFC 9110 §5.5)")
    }
    guard let first = text.utf8.first, let last = text.utf8.last else { return text }
    guard first > 0x20, last > 0x20 else { throw Invalid("the value starts or ends with white space") }
    return text
  }
}

/// Smaller texts, each with its own rule.
enum Word {
  /// A name for a service, an issuer or a certificate: it becomes a log field and a directory name.
  static func name(_ text: String) throws(Invalid) -> String {
    let allowed = text.utf8.allSatisfy {
      (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
        || $0 == 0x2D || $0 == 0x2E || $0 == 0x5F
    }
    guard (1...128).contains(text.utf8.count), allowed, !text.hasPrefix("."), !text.hasPrefix("-") else {
      throw Invalid(
        "\(quoted(text)) is no name", "use letters, digits, dots, hyphens and underscores, at most 128")
    }
    return text
  }

  /// A mail address, as far as a CA's contact needs it (RFC 8555 §7.3: one address, no header fields).
  static func email(_ text: String) throws(Invalid) -> String {
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, text.utf8.count <= 254,
      text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x2C && $0 != 0x3F && $0 != 0x3A }),
      (try? HostName.parse(String(parts[1]))) != nil
    else { throw Invalid("\(quoted(text)) is no mail address", "write ops@example.com") }
    return text
  }

  /// An ACME directory; RFC 8555 §6.1 demands HTTPS.
  static func directory(_ text: String) throws(Invalid) -> String {
    if text.contains("@") { throw Invalid("a URL with a user name or password is not accepted") }
    guard text.utf8.count <= 2048, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x23 }) else {
      throw Invalid("\(quoted(text)) is no URL")
    }
    guard text.lowercased().hasPrefix("https://"), text.utf8.count > 8 else {
      throw Invalid("\(quoted(text)) is no https URL", "an ACME directory is only spoken to over HTTPS")
    }
    return text
  }

  /// Any text of one line.
  static func line(_ text: String) throws(Invalid) -> String {
    guard !text.isEmpty else { throw Invalid("the text is empty") }
    guard text.utf8.count <= 4096 else { throw Invalid("the text is longer than 4096 bytes") }
    guard text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }) else {
      throw Invalid("the text holds a control character")
    }
    return text
  }
}

/// Answers that count as ready, for instance `200` or `200-299`.
public struct StatusRange: Sendable, Hashable, CustomStringConvertible {
  /// The lowest status code.
  public let lowest: Int
  /// The highest status code.
  public let highest: Int

  /// A range within 100 to 599.
  public init(_ range: ClosedRange<Int>) {
    lowest = range.lowerBound
    highest = range.upperBound
  }

  static func parse(_ text: String) throws(Invalid) -> StatusRange {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    let codes = parts.compactMap { decimal($0) }.filter { (100...599).contains($0) }
    guard (1...2).contains(parts.count), codes.count == parts.count, let low = codes.first,
      let high = codes.last, low <= high
    else { throw Invalid("\(quoted(text)) is no range of status codes", "write 200 or 200-299") }
    return StatusRange(low...high)
  }

  /// Whether a status code counts.
  public func contains(_ status: Int) -> Bool { (lowest...max(lowest, highest)).contains(status) }

  /// `200` or `200-299`
  public var description: String { lowest == highest ? "\(lowest)" : "\(lowest)-\(highest)" }
}
