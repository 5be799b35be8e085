internal import OS

/// A range of IP addresses, IPv4 as mapped into IPv6 (RFC 4291 §2.5.5.2).
public struct AddressBlock: Sendable, Equatable, BitwiseCopyable {
  private let address: UInt128
  private let mask: UInt128

  /// `10.0.0.0/8`, `2001:db8::/32`, or one address; nil for anything else, also where bits are set that the prefix leaves out.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = parts.first, let (value, isV4) = Self.value(String(first)) else { return nil }
    var length = 128
    if parts.count == 2 {
      guard parts[1].utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let written = Int(parts[1]),
        written <= (isV4 ? 32 : 128)
      else { return nil }
      length = written + (isV4 ? 96 : 0)
    }
    mask = length == 0 ? 0 : UInt128.max << UInt128(128 - length)
    guard value & ~mask == 0 else { return nil }
    address = value
  }

  /// Whether it has an address in it, as `number(of:)` gives it.
  public func contains(_ number: UInt128) -> Bool { number & mask == address }

  /// An address as a number; nil for what is none.
  public static func number(of text: String) -> UInt128? { value(text)?.number }

  private static func value(_ text: String) -> (number: UInt128, isV4: Bool)? {
    guard let bytes = SocketAddress(host: text, port: 0)?.ipBytes, !bytes.isEmpty else { return nil }
    var number: UInt128 = 0
    for byte in bytes { number = number << 8 | UInt128(byte) }
    return bytes.count == 4 ? (number | 0xFFFF_0000_0000, true) : (number, false)
  }
}
