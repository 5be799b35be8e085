public import PKI

/// The name of a certificate through all its renewals; also the name of its directory.
///
/// Letters, digits, `.`, `_` and `-`, not beginning with `.` or `-`, at most 200 bytes.
public struct LineageName: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The name.
  public let description: String

  /// The longest name.
  public static let maximumLengthInBytes = 200

  /// A name given by an operator; nil when it is not fit for a directory.
  public init?(_ text: String) {
    guard let first = text.utf8.first, text.utf8.count <= Self.maximumLengthInBytes,
      text.utf8.allSatisfy(Self.isAllowed), first != 0x2E, first != 0x2D
    else { return nil }
    description = text
  }

  /// The name of a certificate that is called after its first identifier.
  ///
  /// A DNS name stands for itself, `*.example.com` becomes `_wildcard.example.com`, `2001:db8::1` becomes
  /// `_ipv6.2001-db8--1`; no DNS name begins with an underscore, so none of them meet. Names that are too
  /// long for a directory keep their end.
  public init(_ identifier: Identifier) {
    var text = identifier.description
    if text.hasPrefix("*.") { text = "_wildcard" + text.dropFirst() }
    if text.contains(":") { text = "_ipv6." + text.map { $0 == ":" ? "-" : String($0) }.joined() }
    if text.utf8.count > Self.maximumLengthInBytes { text = "_long" + text.suffix(190) }
    description = text
  }

  /// By bytes.
  public static func < (a: Self, b: Self) -> Bool { a.description < b.description }

  private static func isAllowed(_ c: UInt8) -> Bool {
    switch c {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
    default: false
    }
  }
}
