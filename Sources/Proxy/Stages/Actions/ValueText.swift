/// A text with values of the request in it: `{client_ip}`, `{header.X-Team}`. Whatever else stands in braces is text, as JSON
/// would be; a word in braces that is no value is an error where the configuration is read.
public struct ValueText: Sendable, Equatable {
  /// A piece of it.
  public enum Part: Sendable, Equatable {
    case text(String)
    case clientIP, host, method, path, query, serverName, tlsVersion, clientName, requestID
    case header(String)
    case cookie(String)
    /// A variable of the route's paths.
    case variable(String)
  }

  /// Its pieces, in order.
  public private(set) var parts: [Part] = []
  /// A word in braces that is no value, and how many characters stand before it; nil where all are known.
  public private(set) var unknown: (word: String, offset: Int)? {
    get { unknownWord.map { ($0, unknownOffset) } }
    set { (unknownWord, unknownOffset) = (newValue?.word, newValue?.offset ?? 0) }
  }
  private var unknownWord: String?
  private var unknownOffset = 0

  /// The names of values, for errors.
  public static let names = [
    "client_ip", "host", "method", "path", "query", "tls.sni", "tls.version", "tls.client_name", "request_id",
    "header.NAME", "cookie.NAME", "path.NAME",
  ]

  /// Reads a text.
  public init(_ text: String) {
    var plain = ""
    var rest = text[...]
    while let first = rest.first {
      // `${NAME}` is a variable of somebody else's.
      guard first == "{", plain.last != "$", let (word, length) = Self.word(rest) else {
        plain.append(first)
        rest = rest.dropFirst()
        continue
      }
      if let part = Self.part(word) {
        if !plain.isEmpty { parts.append(.text(plain)) }
        plain = ""
        parts.append(part)
      } else {
        if unknownWord == nil { unknown = (word, text.distance(from: text.startIndex, to: rest.startIndex)) }
        plain += rest.prefix(length)
      }
      rest = rest.dropFirst(length)
    }
    if !plain.isEmpty { parts.append(.text(plain)) }
  }

  /// Whether it is the same for every request.
  public var isConstant: Bool {
    parts.allSatisfy { if case .text = $0 { true } else { false } }
  }

  /// The variables of paths that it names.
  public var variables: [String] {
    parts.compactMap { if case .variable(let name) = $0 { name } else { nil } }
  }

  /// A word in braces at the beginning: letters, digits, `_`, `-` and dots behind a letter.
  private static func word(_ text: Substring) -> (word: String, length: Int)? {
    let inside = text.dropFirst().prefix { $0 != "}" }
    let isWord = inside.utf8.allSatisfy {
      (0x61...0x7A).contains($0) || (0x41...0x5A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F
        || $0 == 0x2D || $0 == 0x2E
    }
    let end = text.dropFirst(inside.count + 1)
    guard isWord, inside.first?.isLetter == true, end.hasPrefix("}") else { return nil }
    return (String(inside), inside.count + 2)
  }

  private static func part(_ word: String) -> Part? {
    switch word {
    case "client_ip": return .clientIP
    case "host": return .host
    case "method": return .method
    case "path": return .path
    case "query": return .query
    case "tls.sni": return .serverName
    case "tls.version": return .tlsVersion
    case "tls.client_name": return .clientName
    case "request_id": return .requestID
    default:
      guard let dot = word.firstIndex(of: "."), word.index(after: dot) < word.endIndex else { return nil }
      let name = String(word[word.index(after: dot)...])
      switch word[..<dot] {
      case "header": return .header(name)
      case "cookie": return .cookie(name)
      case "path": return .variable(name)
      default: return nil
      }
    }
  }

  /// Equal where the pieces are.
  public static func == (a: Self, b: Self) -> Bool { a.parts == b.parts && a.unknownWord == b.unknownWord }
}

extension Settings.PathMatch {
  /// Which segment a variable is, counted from 0; nil where the path has no such.
  public func place(ofVariable name: String) -> Int? {
    guard case .template(let text) = self else { return nil }
    return text.split(separator: "/", omittingEmptySubsequences: false).dropFirst().firstIndex(
      of: "{\(name)}"
    )
    .map { $0 - 1 }
  }
}

extension Collection where Element == Settings.PathMatch {
  /// Which segment a variable is in each of the paths; nil where it is not in all of them, or not in one place.
  public func place(ofVariable name: String) -> Int? {
    let places = map { $0.place(ofVariable: name) }
    guard let first = places.first, let first, places.allSatisfy({ $0 == first }) else { return nil }
    return first
  }
}
