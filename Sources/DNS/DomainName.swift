// DNS: asks name servers, and changes zones.
//
// It keeps no cache, validates no DNSSEC and reads no zone files. It promises that whatever comes from the network is
// read within limits and never trusted to be well formed; that an answer is only taken from the server that was asked,
// to the question that was asked; that every wait has an end.

/// A domain name, absolute, as its labels (RFC 1035 §3.1). Compared without regard to case.
public struct DomainName: Hashable, Sendable, CustomStringConvertible {
  /// Its labels in lower case, the leftmost first; empty for the root.
  public let labels: [[UInt8]]

  /// The longest name on the wire, in bytes (RFC 1035 §3.1).
  public static let maximumBytes = 255
  /// The longest label, in bytes.
  public static let maximumLabelBytes = 63

  /// The root.
  public static let root = DomainName(checked: [])

  private init(checked labels: [[UInt8]]) { self.labels = labels }

  /// A name by its labels; nil when one is empty or too long, or all together are.
  public init?(labels: [[UInt8]]) {
    guard labels.allSatisfy({ (1...Self.maximumLabelBytes).contains($0.count) }),
      labels.reduce(1, { $0 + $1.count + 1 }) <= Self.maximumBytes
    else { return nil }
    self.labels = labels.map { $0.map(Self.lowered) }
  }

  /// A name by its text, with or without a dot at its end. Backslashes have no meaning: such names are refused.
  public init?(_ text: String) {
    if text == "." {
      self = .root
      return
    }
    let trimmed = text.hasSuffix(".") ? text.dropLast() : text[...]
    guard !trimmed.utf8.contains(UInt8(ascii: "\\")) else { return nil }
    self.init(labels: trimmed.split(separator: ".", omittingEmptySubsequences: false).map { Array($0.utf8) })
  }

  private static func lowered(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
  }

  /// The name above; nil for the root.
  public var parent: DomainName? { labels.isEmpty ? nil : DomainName(checked: Array(labels.dropFirst())) }

  /// Whether it is this name or one below it.
  public func isAtOrBelow(_ other: DomainName) -> Bool {
    labels.suffix(other.labels.count) == other.labels[...]
  }

  /// The name one label below; nil when it would be too long.
  public func child(_ label: String) -> DomainName? { DomainName(labels: [Array(label.utf8)] + labels) }

  /// `example.com`, without a dot at its end; `.` for the root. Bytes that are no printable ASCII are shown as `?`.
  public var description: String {
    guard !labels.isEmpty else { return "." }
    return labels.map { label in
      String(decoding: label.map { (0x21...0x7E).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
    }.joined(separator: ".")
  }

  /// As it stands in a message, never compressed.
  var wire: [UInt8] { labels.reduce(into: []) { $0 += [UInt8($1.count)] + $1 } + [0] }
}
