/// What a certificate is about: a DNS name or an IP address (RFC 8555 §9.7.7, RFC 8738).
public enum Identifier: Hashable, Sendable, CustomStringConvertible {
  /// A lower-case name of letters, digits and hyphens; the first label may be `*`.
  case dns(String)
  /// An address of 4 or 16 bytes, network order.
  case ip([UInt8])

  /// Parses a name or an address literal (IPv6 with or without brackets), lower-casing names.
  ///
  /// Nil for anything else: empty or long labels (over 63), names over 253 bytes, characters other than
  /// letters, digits and inner hyphens, `*` elsewhere than as the whole first label, a last label of digits
  /// only (a mistyped address), a trailing dot.
  public init?(_ text: String) {
    if let address = IPAddress.parse(text[...]) {
      self = .ip(address)
      return
    }
    // Checked before folding: the Kelvin sign, for one, folds to an ASCII k.
    guard text.utf8.allSatisfy({ $0 < 0x80 }) else { return nil }
    let name = text.lowercased()
    guard Self.isName(name) else { return nil }
    self = .dns(name)
  }

  /// Canonical text: the name, dotted decimal, or IPv6 as in RFC 5952 without brackets.
  public var description: String {
    switch self {
    case .dns(let name): name
    case .ip(let address): IPAddress.text(address)
    }
  }

  /// Whether it is a DNS name that begins with `*.`.
  public var isWildcard: Bool {
    if case .dns(let name) = self { name.hasPrefix("*.") } else { false }
  }

  /// Whether it is an IP address.
  public var isAddress: Bool { if case .ip = self { true } else { false } }

  /// Whether a certificate for this identifier speaks for another one (RFC 9525 §6.3): equal, or a wildcard
  /// in place of exactly one leftmost label. A wildcard is covered by the same wildcard only.
  public func covers(_ other: Identifier) -> Bool {
    if self == other { return true }
    guard case .dns(let pattern) = self, case .dns(let name) = other, isWildcard, !other.isWildcard,
      let dot = name.firstIndex(of: "."), dot != name.startIndex
    else { return false }
    return name[dot...] == pattern.dropFirst()
  }

  private static func isName(_ name: String) -> Bool {
    guard (1...253).contains(name.utf8.count) else { return false }
    let labels = name.utf8.split(separator: 0x2E, omittingEmptySubsequences: false)
    for (index, label) in labels.enumerated() {
      if index == 0, labels.count > 1, label.elementsEqual(CollectionOfOne(UInt8(ascii: "*"))) { continue }
      guard isLabel(label) else { return false }
    }
    return labels.last?.contains { !(0x30...0x39).contains($0) } ?? false
  }

  private static func isLabel(_ label: Substring.UTF8View) -> Bool {
    (1...63).contains(label.count) && label.first != 0x2D && label.last != 0x2D
      && label.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
  }
}
