/// An absolute `http` or `https` URL (RFC 9110 §4.2), parsed strictly.
///
/// Refuses user information, fragments, spaces and control characters: none of them has a place in a URL
/// that a program is configured with or sent by a CA.
public struct URL: Sendable, Hashable, CustomStringConvertible {
  /// `http` or `https`.
  public enum Scheme: String, Sendable { case http, https }

  /// The scheme.
  public let scheme: Scheme
  /// The host, lower-cased; an IPv6 address without its brackets.
  public let host: String
  /// The port; the scheme's default when the text names none.
  public let port: UInt16
  /// Path and query as sent in a request line; at least `/`.
  public let target: String

  /// The longest accepted text, in bytes.
  public static let maximumLengthInBytes = 8192

  /// Parses a URL; nil when it is not one that we would send a request to.
  public init?(_ text: String) {
    let bytes = Array(text.utf8)
    guard bytes.count <= Self.maximumLengthInBytes, bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x23 })
    else { return nil }
    var rest = Substring(text)
    let lowered = text.lowercased()
    if lowered.hasPrefix("https://") {
      scheme = .https
      rest = rest.dropFirst(8)
    } else if lowered.hasPrefix("http://") {
      scheme = .http
      rest = rest.dropFirst(7)
    } else {
      return nil
    }
    let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
    guard let (host, port) = Self.authority(rest[..<end], defaultPort: scheme == .https ? 443 : 80) else {
      return nil
    }
    self.host = host
    self.port = port
    let tail = String(rest[end...])
    target = tail.hasPrefix("/") ? tail : "/" + tail
  }

  /// The host as it stands in a URL or Host field: IPv6 in brackets, the port unless it is the default.
  public var authority: String {
    let name = host.contains(":") ? "[\(host)]" : host
    return port == (scheme == .https ? 443 : 80) ? name : "\(name):\(port)"
  }

  /// The whole URL.
  public var description: String { "\(scheme.rawValue)://\(authority)\(target)" }

  /// A URL found in an answer to this one: absolute, or a path on the same origin (RFC 3986 §4.2).
  public func resolving(_ reference: String) -> URL? {
    if reference.hasPrefix("//") { return URL("\(scheme.rawValue):\(reference)") }
    if reference.hasPrefix("/") { return URL("\(scheme.rawValue)://\(authority)\(reference)") }
    return URL(reference)
  }

  private static func authority(_ text: Substring, defaultPort: UInt16) -> (String, UInt16)? {
    guard !text.contains("@") else { return nil }
    var host: Substring
    var portText: Substring?
    if text.hasPrefix("[") {
      guard let close = text.firstIndex(of: "]") else { return nil }
      host = text[text.index(after: text.startIndex)..<close]
      let after = text[text.index(after: close)...]
      guard host.contains(":"), host.utf8.allSatisfy({ isHexDigit($0) || $0 == 0x3A || $0 == 0x2E }) else {
        return nil
      }
      if after.hasPrefix(":") { portText = after.dropFirst() } else if !after.isEmpty { return nil }
    } else {
      let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      host = parts[0]
      if parts.count == 2 { portText = parts[1] }
      guard host.utf8.allSatisfy(isHostCharacter) else { return nil }
    }
    guard !host.isEmpty, host.utf8.count <= 253 else { return nil }
    guard let portText, !portText.isEmpty else { return (host.lowercased(), defaultPort) }
    guard portText.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(portText), port > 0
    else {
      return nil
    }
    return (host.lowercased(), port)
  }

  private static func isHexDigit(_ c: UInt8) -> Bool {
    (0x30...0x39).contains(c) || (0x41...0x46).contains(c) || (0x61...0x66).contains(c)
  }

  private static func isHostCharacter(_ c: UInt8) -> Bool {
    (0x30...0x39).contains(c) || (0x41...0x5A).contains(c) || (0x61...0x7A).contains(c) || c == 0x2D
      || c == 0x2E || c == 0x5F
  }
}
