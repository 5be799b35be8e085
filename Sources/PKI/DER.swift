/// The few DER encodings (X.690) that certificate extensions are made of.
enum DER {
  static func sequence(_ parts: [UInt8]...) -> [UInt8] { tagged(0x30, parts.flatMap { $0 }) }
  static func octetString(_ bytes: [UInt8]) -> [UInt8] { tagged(0x04, bytes) }
  static let yes: [UInt8] = [0x01, 0x01, 0xFF]

  /// An object identifier of already encoded content.
  static func object(_ content: [UInt8]) -> [UInt8] { tagged(0x06, content) }

  /// A BIT STRING with named bits, unused ones at its end not sent (X.690 §11.2.2).
  static func bits(_ byte: UInt8) -> [UInt8] {
    tagged(0x03, byte == 0 ? [0] : [UInt8(byte.trailingZeroBitCount), byte])
  }

  /// One element with a single-byte tag.
  static func tagged(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
    if content.count < 0x80 { return [tag, UInt8(content.count)] + content }
    var length: [UInt8] = []
    var rest = content.count
    while rest > 0 {
      length.insert(UInt8(truncatingIfNeeded: rest), at: 0)
      rest >>= 8
    }
    return [tag, 0x80 | UInt8(length.count)] + length + content
  }

  /// GeneralNames of a subject alternative name (RFC 5280 §4.2.1.6).
  static func generalNames(_ identifiers: [Identifier]) -> [UInt8] {
    tagged(
      0x30,
      identifiers.flatMap { identifier in
        switch identifier {
        case .dns(let name): tagged(0x82, Array(name.utf8))
        case .ip(let address): tagged(0x87, address)
        }
      })
  }
}
