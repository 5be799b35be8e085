/// Comparison of bytes with literals, letter case folded.
package enum ASCII {
  /// Whether bytes are a lower-case literal in any letter case.
  package static func same(_ p: UnsafePointer<UInt8>, _ count: Int, _ literal: StaticString) -> Bool {
    guard count == literal.utf8CodeUnitCount else { return false }
    for i in 0..<count where unsafe lowered(p[i]) != literal.utf8Start[i] { return false }
    return true
  }

  /// The same byte, a letter in lower case.
  @inline(__always)
  package static func lowered(_ c: UInt8) -> UInt8 { c >= 0x41 && c <= 0x5A ? c | 0x20 : c }
}
