internal import Bytes
internal import PKI

/// Names of the resources that we make, within Google's rule `[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?`.
public enum ResourceName {
  /// The longest name, in characters.
  public static let maximumCharacters = 63
  /// Digits of a certificate's fingerprint in its name.
  static let fingerprintDigits = 16
  /// Digits of the hash that stands for what a name cannot say.
  static let hashDigits = 8

  /// Whether a text may begin our names: Google's rule, with room behind it.
  public static func isPrefix(_ text: String) -> Bool {
    let characters = Array(text.utf8)
    guard (1...20).contains(characters.count), (0x61...0x7A).contains(characters[0]),
      characters[characters.count - 1] != 0x2D
    else { return false }
    return characters.allSatisfy { isLetterOrDigit($0) || $0 == 0x2D }
  }

  /// Whether a text is a name that Google takes.
  public static func isName(_ text: String) -> Bool {
    let characters = Array(text.utf8)
    guard (1...maximumCharacters).contains(characters.count), (0x61...0x7A).contains(characters[0]),
      characters[characters.count - 1] != 0x2D
    else { return false }
    return characters.allSatisfy { isLetterOrDigit($0) || $0 == 0x2D }
  }

  /// The name of one generation: the same content has the same name, so that a second run finds its own work.
  static func certificate(prefix: String, name: String, sha256: String) -> String {
    joined(prefix, name, "-" + sha256.prefix(fingerprintDigits), isPlain: true)
  }

  /// The name of something that changes in place. Dots become hyphens, so that a name with hyphens of its own
  /// needs a hash to be told apart.
  static func stable(prefix: String, name: String) -> String {
    joined(prefix, name, "", isPlain: !name.contains("-"))
  }

  /// The name of a proxy's certificate map.
  static func map(prefix: String, _ target: Target) -> String {
    joined(target.kind == .httpsProxy ? prefix : prefix + "-ssl", target.name, "", isPlain: true)
  }

  /// `prefix-name-suffix`. A name that is too long, or that does not survive, is told apart from its likes
  /// by a hash.
  private static func joined(_ prefix: String, _ name: String, _ suffix: String, isPlain: Bool) -> String {
    let room = maximumCharacters - prefix.utf8.count - 1 - suffix.utf8.count
    let survives = name.utf8.allSatisfy { isLetterOrDigit($0) || $0 == 0x2E || $0 == 0x2D }
    var middle = String(
      decoding: name.lowercased().utf8.map { isLetterOrDigit($0) ? $0 : 0x2D }, as: UTF8.self)
    while middle.hasPrefix("-") { middle.removeFirst() }
    if !isPlain || !survives || middle.utf8.count > room || middle.isEmpty || middle.hasSuffix("-") {
      middle = String(middle.prefix(room - hashDigits - 1))
      while middle.hasSuffix("-") { middle.removeLast() }
      let digest = (try? Digest.sha256(Array(name.utf8))) ?? Array(name.utf8)
      middle += (middle.isEmpty ? "" : "-") + Hex.encode(digest).prefix(hashDigits)
    }
    return "\(prefix)-\(middle)\(suffix)"
  }

  private static func isLetterOrDigit(_ c: UInt8) -> Bool {
    (0x61...0x7A).contains(c) || (0x30...0x39).contains(c)
  }
}
