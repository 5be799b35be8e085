internal import OS

extension ProxyProtocol {
  /// The header that tells a backend of a client; without addresses, or with two of different families, it says
  /// that they are not known.
  static func header(_ version: Version, _ ends: Ends?) -> [UInt8] {
    guard let ends else { return unknown(version) }
    let (source, destination) = (ends.source.ipBytes, ends.destination.ipBytes)
    guard !source.isEmpty, source.count == destination.count else { return unknown(version) }
    let isV4 = source.count == 4
    switch version {
    case .v1:
      let words = [
        "PROXY", isV4 ? "TCP4" : "TCP6", ends.source.host, ends.destination.host,
        String(ends.source.port), String(ends.destination.port),
      ]
      return Array((words.joined(separator: " ") + "\r\n").utf8)
    case .v2:
      let block = source + destination + bigEndian(ends.source.port) + bigEndian(ends.destination.port)
      return binary(command: 1, isV4 ? 0x11 : 0x21, block)
    }
  }

  /// The header of a connection that is made for our own sake, a health check for instance.
  public static func ownHeader(_ version: Version) -> [UInt8] {
    version == .v1 ? unknown(.v1) : binary(command: 0, 0, [])
  }

  private static func unknown(_ version: Version) -> [UInt8] {
    version == .v1 ? Array("PROXY UNKNOWN\r\n".utf8) : binary(command: 1, 0, [])
  }

  private static func binary(command: UInt8, _ kind: UInt8, _ block: [UInt8]) -> [UInt8] {
    signature + [0x20 | command, kind] + bigEndian(UInt16(block.count)) + block
  }

  private static func bigEndian(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xFF)] }
}
