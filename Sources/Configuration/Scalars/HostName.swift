internal import Proxy

/// Host names and addresses as certificates and routes have them.
enum HostName {
  /// RFC 1035 §2.3.4: octets of a name, and of one label.
  static let maximumLength = 253
  /// The longest label of a name, in characters (RFC 1035 §2.3.4).
  static let maximumLabelLength = 63

  /// The lower-cased name without a wildcard, or the canonical address.
  static func parse(_ text: String) throws(Invalid) -> String {
    if let address = IPAddress(text) { return address.description }
    guard let name = Punycode.ascii(text), name.utf8.allSatisfy({ $0 < 0x80 }) else {
      throw Invalid(
        "\(quoted(text)) holds characters that no host name has", "write the name in its xn-- form (RFC 5890)"
      )
    }
    if name.utf8.contains(UInt8(ascii: ":")), name.contains("://") {
      throw Invalid("\(quoted(text)) is a URL", "write the host name alone")
    }
    if name.hasSuffix(".") { throw Invalid("\(quoted(text)) ends in a dot", "remove it") }
    guard name.utf8.count <= maximumLength, !name.isEmpty,
      name.utf8.split(separator: dot, omittingEmptySubsequences: false).allSatisfy(isLabel)
    else { throw Invalid("\(quoted(text)) is no host name") }
    // Four numbers are an address that was mistyped, never a name (RFC 1123 §2.1).
    if name.utf8.split(separator: dot).last?.allSatisfy({ (0x30...0x39).contains($0) }) == true {
      throw Invalid("\(quoted(text)) is neither a host name nor an address")
    }
    return name
  }

  private static let dot = UInt8(ascii: ".")

  private static func isLabel(_ bytes: Substring.UTF8View) -> Bool {
    guard (1...maximumLabelLength).contains(bytes.count), bytes.first != 0x2D, bytes.last != 0x2D else {
      return false
    }
    return bytes.allSatisfy {
      (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D || $0 == 0x5F
    }
  }
}

/// Which hosts a route or a certificate is for.
public enum HostPattern: Sendable, Hashable, CustomStringConvertible {
  /// Every host, also requests that name none.
  case any
  /// One lower-cased name, or one address in its canonical form.
  case exact(String)
  /// `*.suffix`: exactly one more label before the suffix (RFC 6125 §6.4.3).
  case wildcard(suffix: String)

  static func parse(_ text: String) throws(Invalid) -> HostPattern {
    if text == "*" { return .any }
    guard text.hasPrefix("*.") else {
      if text.contains("*") {
        throw Invalid(
          "\(quoted(text)) has a wildcard inside", "a wildcard stands alone in front: *.example.com")
      }
      return .exact(try HostName.parse(text))
    }
    let suffix = try HostName.parse(String(text.dropFirst(2)))
    guard IPAddress(suffix) == nil else { throw Invalid("\(quoted(text)) puts a wildcard on an address") }
    return .wildcard(suffix: suffix)
  }

  /// As it is written: `*`, `llm.example.com`, `*.example.com`.
  public var description: String {
    switch self {
    case .any: "*"
    case .exact(let name): name
    case .wildcard(let suffix): "*.\(suffix)"
    }
  }
}

extension Settings.PathMatch: ParsedText {
  /// The longest accepted path, in bytes.
  static let maximumLengthInBytes = 1024

  static func parse(_ text: String) throws(Invalid) -> Settings.PathMatch {
    guard text.hasPrefix("/") else {
      throw Invalid("\(quoted(text)) does not start with /", "write /v1/* for all below /v1/")
    }
    guard text.utf8.count <= maximumLengthInBytes, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw Invalid("\(quoted(text)) is no path", "percent-encode spaces and characters outside ASCII")
    }
    if text.contains("?") || text.contains("#") {
      throw Invalid("\(quoted(text)) holds a query or fragment", "routes look at the path only")
    }
    if text.split(separator: "/").contains(where: { $0 == "." || $0 == ".." }) {
      throw Invalid("\(quoted(text)) holds . or ..", "write the path without them")
    }
    let hasVariables = text.contains("{") || text.contains("}")
    if hasVariables { try checkVariables(text) }
    guard text.contains("*") else { return hasVariables ? .template(text) : .exact(text) }
    guard text.hasSuffix("/*"), !text.dropLast().contains("*") else {
      throw Invalid("\(quoted(text)) has a * elsewhere than at its end after /", "write /v1/*")
    }
    return hasVariables ? .template(text) : .prefix(String(text.dropLast()))
  }

  /// A variable stands for one whole segment.
  private static func checkVariables(_ text: String) throws(Invalid) {
    var names: Set<Substring> = []
    for part in text.split(separator: "/") where part.contains("{") || part.contains("}") {
      let name = part.dropFirst().dropLast()
      guard part.hasPrefix("{"), part.hasSuffix("}"), part.utf8.count > 2,
        name.utf8.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F })
      else {
        throw Invalid(
          "\(quoted(text)) has a { or } that is no variable", "write /v1/{name}: small letters, digits and _")
      }
      guard names.insert(name).inserted else { throw Invalid("\(quoted(text)) has {\(name)} twice") }
    }
  }

  /// A path in front of others: begins with a slash and does not end with one.
  static func parsePrefix(_ text: String) throws(Invalid) -> String {
    guard case .exact = try parse(text), !text.hasSuffix("/") else {
      throw Invalid("\(quoted(text)) is no path in front of others", "write /v1, without / or * at its end")
    }
    return text
  }
}
