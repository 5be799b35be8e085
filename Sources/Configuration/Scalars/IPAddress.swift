internal import Proxy

/// An IPv4 or IPv6 address, read strictly: no leading zeros, no zone, no shortened IPv4.
public struct IPAddress: Sendable, Hashable, CustomStringConvertible {
  /// Four or sixteen bytes, in network order.
  public let bytes: [UInt8]

  /// Parses `192.0.2.1` or `2001:db8::1`; nil when it is neither.
  public init?(_ text: some StringProtocol) {
    guard let bytes = Self.four(text) ?? Self.sixteen(text) else { return nil }
    self.bytes = bytes
  }

  private static func four(_ text: some StringProtocol) -> [UInt8]? {
    // Most texts are names.
    guard text.utf8.allSatisfy({ $0 == 0x2E || (0x30...0x39).contains($0) }) else { return nil }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var out: [UInt8] = []
    for part in parts {
      guard let value = decimal(part, maximum: 255) else { return nil }
      out.append(UInt8(value))
    }
    return out
  }

  private static func sixteen(_ text: some StringProtocol) -> [UInt8]? {
    guard text.utf8.count <= 45, text.utf8.contains(UInt8(ascii: ":")) else { return nil }
    let halves = halves(of: text)
    guard halves.count <= 2, let head = groups(halves[0], last: halves.count == 1) else { return nil }
    guard halves.count == 2 else { return head.count == 16 ? head : nil }
    guard let tail = groups(halves[1], last: true), head.count + tail.count <= 14 else { return nil }
    return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
  }

  /// The text before and after each `::`.
  private static func halves(of text: some StringProtocol) -> [String] {
    var out = [""]
    var rest = Substring(text)
    while let character = rest.first {
      if rest.hasPrefix("::") {
        out.append("")
        rest = rest.dropFirst(2)
      } else {
        out[out.count - 1].append(character)
        rest = rest.dropFirst()
      }
    }
    return out
  }

  /// The bytes of groups between colons; the last may be an IPv4 address (RFC 4291 §2.2).
  private static func groups(_ text: String, last: Bool) -> [UInt8]? {
    guard !text.isEmpty else { return [] }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    var out: [UInt8] = []
    for (index, part) in parts.enumerated() {
      if last, index == parts.count - 1, part.contains(".") {
        guard let tail = four(part) else { return nil }
        out += tail
        continue
      }
      let isHex = part.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x41...0x46).contains($0) || (0x61...0x66).contains($0)
      }
      guard (1...4).contains(part.utf8.count), isHex, let value = UInt16(part, radix: 16) else { return nil }
      out += [UInt8(value >> 8), UInt8(value & 0xFF)]
    }
    return out.count <= 16 ? out : nil
  }

  /// The canonical text (RFC 5952 for IPv6).
  public var description: String {
    guard bytes.count == 16 else { return bytes.map(String.init).joined(separator: ".") }
    let groups = stride(from: 0, to: 16, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
    var best = 0..<0
    var start = 0
    while start < 8 {
      var end = start
      while end < 8, groups[end] == 0 { end += 1 }
      if end - start > max(1, best.count) { best = start..<end }
      start = max(end, start + 1)
    }
    func text(_ part: some Sequence<UInt16>) -> String {
      part.map { String($0, radix: 16) }.joined(separator: ":")
    }
    guard !best.isEmpty else { return text(groups) }
    return text(groups[..<best.lowerBound]) + "::" + text(groups[best.upperBound...])
  }
}

extension AddressRange: ParsedText {
  static func parse(_ text: String) throws(Invalid) -> AddressRange {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let address = IPAddress(parts[0]) else {
      throw Invalid("\(quoted(text)) is no address range", "write 10.0.0.0/8, 2001:db8::/32 or one address")
    }
    let width = address.bytes.count * 8
    let length = parts.count == 2 ? decimal(parts[1], maximum: width) : width
    guard let length, let range = AddressRange(address: address.bytes, prefixLength: length) else {
      throw Invalid("\(quoted(text)) has no prefix length from 0 to \(width)")
    }
    guard !range.hasHostBits else {
      throw Invalid("\(quoted(text)) has bits set after its first \(length)")
    }
    return range
  }
}
