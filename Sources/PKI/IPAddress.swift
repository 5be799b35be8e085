/// IP addresses between text and bytes; sans-I/O, so that no resolver is ever asked.
enum IPAddress {
  /// Four or sixteen bytes from a literal; brackets around IPv6 accepted; nil when it is none.
  static func parse(_ text: Substring) -> [UInt8]? {
    if text.hasPrefix("["), text.hasSuffix("]") {
      return v6(text.dropFirst().dropLast())
    }
    return v4(text) ?? v6(text)
  }

  /// Canonical text: dotted decimal, or RFC 5952.
  static func text(_ bytes: [UInt8]) -> String {
    if bytes.count == 4 { return bytes.map(String.init).joined(separator: ".") }
    guard bytes.count == 16 else { return "invalid address" }
    let groups = (0..<8).map { UInt16(bytes[$0 * 2]) << 8 | UInt16(bytes[$0 * 2 + 1]) }
    if groups[0..<5].allSatisfy({ $0 == 0 }), groups[5] == 0xFFFF {
      return "::ffff:" + text(Array(bytes[12...]))
    }
    let gap = longestZeroRun(groups)
    func hex(_ part: ArraySlice<UInt16>) -> String {
      part.map { String($0, radix: 16) }.joined(separator: ":")
    }
    guard let gap else { return hex(groups[...]) }
    return hex(groups[..<gap.lowerBound]) + "::" + hex(groups[gap.upperBound...])
  }

  /// The first of the longest runs of zero groups, at least two long (RFC 5952 §4.2).
  private static func longestZeroRun(_ groups: [UInt16]) -> Range<Int>? {
    var best: Range<Int>?
    var at = 0
    while at < groups.count {
      var end = at
      while end < groups.count, groups[end] == 0 { end += 1 }
      if end - at >= 2, end - at > (best?.count ?? 0) { best = at..<end }
      at = max(end, at + 1)
    }
    return best
  }

  /// Dotted decimal: four numbers, no leading zeros (RFC 6943 §3.1.1).
  private static func v4(_ text: Substring) -> [UInt8]? {
    // Most texts are names.
    guard text.utf8.allSatisfy({ $0 == 0x2E || (0x30...0x39).contains($0) }) else { return nil }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var out: [UInt8] = []
    for part in parts {
      guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
        part.utf8.count == 1 || part.utf8.first != 0x30, let value = UInt8(part)
      else { return nil }
      out.append(value)
    }
    return out
  }

  /// RFC 4291 §2.2, without a zone.
  private static func v6(_ text: Substring) -> [UInt8]? {
    guard text.utf8.count <= 45, text.utf8.contains(0x3A) else { return nil }
    let halves = text.split(separator: "::", omittingEmptySubsequences: false)
    guard halves.count <= 2, let head = groups(halves[0], last: halves.count == 1) else { return nil }
    guard halves.count == 2 else { return head.count == 16 ? head : nil }
    guard let tail = groups(halves[1], last: true), head.count + tail.count <= 14 else { return nil }
    return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
  }

  private static func groups(_ text: Substring, last: Bool) -> [UInt8]? {
    if text.isEmpty { return [] }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count <= 8 else { return nil }
    var out: [UInt8] = []
    for (index, part) in parts.enumerated() {
      if last, index == parts.count - 1, part.contains(".") {
        guard let tail = v4(part) else { return nil }
        return out + tail
      }
      guard (1...4).contains(part.utf8.count), part.utf8.allSatisfy(isHexDigit),
        let value = UInt16(part, radix: 16)
      else { return nil }
      out += [UInt8(value >> 8), UInt8(value & 0xFF)]
    }
    return out
  }

  private static func isHexDigit(_ c: UInt8) -> Bool {
    (0x30...0x39).contains(c) || (0x41...0x46).contains(c) || (0x61...0x66).contains(c)
  }
}
