/// A range of IP addresses in CIDR notation.
public struct AddressRange: Sendable, Equatable {
  private let prefix: [UInt8]
  private let bits: Int

  /// A range of 4 or 16 address bytes and a prefix length; nil when they do not fit.
  public init?(address: [UInt8], prefixLength: Int) {
    guard address.count == 4 || address.count == 16, (0...address.count * 8).contains(prefixLength) else {
      return nil
    }
    prefix = address
    bits = prefixLength
  }

  /// Whether an address of 4 or 16 bytes is in the range.
  public func contains(_ address: [UInt8]) -> Bool {
    guard address.count == prefix.count else { return false }
    let whole = bits / 8
    guard address[..<whole] == prefix[..<whole] else { return false }
    let rest = bits % 8
    guard rest > 0 else { return true }
    let mask = UInt8(truncatingIfNeeded: 0xFF00 >> rest)
    return address[whole] & mask == prefix[whole] & mask
  }
}
