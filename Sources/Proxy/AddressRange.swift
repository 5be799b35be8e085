/// A range of IP addresses in CIDR notation.
public struct AddressRange: Sendable, Hashable {
  /// The first address of the range: four or sixteen bytes in network order.
  public let address: [UInt8]
  /// How many leading bits an address must share.
  public let prefixLength: Int

  /// A range of 4 or 16 address bytes and a prefix length; nil when they do not fit.
  public init?(address: [UInt8], prefixLength: Int) {
    guard address.count == 4 || address.count == 16, (0...address.count * 8).contains(prefixLength) else {
      return nil
    }
    self.address = address
    self.prefixLength = prefixLength
  }

  /// Whether the address that begins it has bits set that no address of the range must share.
  public var hasHostBits: Bool {
    address.indices.contains { address[$0] & ~mask(ofByte: $0) != 0 }
  }

  /// Whether an address of four or sixteen bytes is in the range. An IPv4 range also covers the same addresses mapped into
  /// IPv6 (`::ffff:0:0/96`), as sockets for both show them.
  public func contains(_ candidate: [UInt8]) -> Bool {
    let start = address.count == 4 && Self.isMapped(candidate) ? 12 : 0
    guard candidate.count - start == address.count else { return false }
    for index in 0..<address.count
    where (candidate[start + index] ^ address[index]) & mask(ofByte: index) != 0 {
      return false
    }
    return true
  }

  private static func isMapped(_ address: [UInt8]) -> Bool {
    guard address.count == 16, address[10] == 0xFF, address[11] == 0xFF else { return false }
    for index in 0..<10 where address[index] != 0 { return false }
    return true
  }

  private func mask(ofByte index: Int) -> UInt8 {
    let bits = min(8, max(0, prefixLength - index * 8))
    return UInt8(truncatingIfNeeded: 0xFF00 >> bits)
  }
}
