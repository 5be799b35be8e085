internal import CNGHTTP2

/// A header field.
package struct Header: Sendable, Equatable, ExpressibleByStringLiteral, CustomStringConvertible {
  package var name: [UInt8]
  package var value: [UInt8]

  package init(_ name: String, _ value: String) {
    self.name = name.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
    self.value = value.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
  }

  init(name: [UInt8], value: [UInt8]) { (self.name, self.value) = (name, value) }

  /// `name=value`; the name may begin with a colon. Every character up to U+00FF is one octet.
  package init(stringLiteral text: String) {
    let cut = text.firstIndex(of: "=") ?? text.endIndex
    self.init(String(text[..<cut]), String(text[cut...].dropFirst()))
  }

  package var description: String {
    String(decoding: name, as: UTF8.self) + ": " + String(decoding: value, as: UTF8.self)
  }
}

/// Representations of header fields as octets (RFC 7541 §6), right or wrong as the caller wants.
package enum HPACK {
  /// Fields as literals with new names, without indexing or Huffman coding.
  package static func block(_ headers: [Header]) -> [UInt8] { headers.flatMap { literal($0) } }

  /// How a literal is to be treated (RFC 7541 §6.2).
  package enum Indexing: Sendable {
    case incremental, none, never
    var pattern: (bits: Int, high: UInt8) {
      switch self {
      case .incremental: (6, 0x40)
      case .none: (4, 0)
      case .never: (4, 0x10)
      }
    }
  }

  package static func literal(_ header: Header, _ indexing: Indexing = .none) -> [UInt8] {
    let (bits, high) = indexing.pattern
    return integer(0, bits, high) + string(header.name) + string(header.value)
  }

  /// A literal whose name is one of a table.
  package static func literal(name index: Int, _ value: String, _ indexing: Indexing = .none) -> [UInt8] {
    let (bits, high) = indexing.pattern
    return integer(index, bits, high) + string(Array(value.utf8))
  }

  /// A field of a table (RFC 7541 §6.1).
  package static func indexed(_ index: Int) -> [UInt8] { integer(index, 7, 0x80) }

  /// A change of the dynamic table's size (RFC 7541 §6.3).
  package static func tableSize(_ size: Int) -> [UInt8] { integer(size, 5, 0x20) }

  /// A string literal; `huffman` says that the octets are Huffman code (RFC 7541 §5.2).
  package static func string(_ octets: [UInt8], huffman: Bool = false) -> [UInt8] {
    integer(octets.count, 7, huffman ? 0x80 : 0) + octets
  }

  /// A prefixed integer (RFC 7541 §5.1).
  package static func integer(_ value: Int, _ bits: Int, _ high: UInt8) -> [UInt8] {
    let full = 1 << bits - 1
    guard value >= full else { return [high | UInt8(value)] }
    var bytes = [high | UInt8(full)]
    var rest = value - full
    while rest >= 128 {
      bytes.append(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }
}

/// Decodes the header blocks of one connection.
final class HPACKDecoder {
  private var handle: OpaquePointer?

  init() { nghttp2_hd_inflate_new(&handle) }

  deinit { nghttp2_hd_inflate_del(handle) }

  /// The encoder has agreed to a table of at most so many octets: one that is smaller than before must be told of in
  /// its next block (RFC 7541 §4.2).
  func limitTable(_ octets: Int) { nghttp2_hd_inflate_change_table_size(handle, octets) }

  /// The fields of a whole block; nil when it does not decode.
  func decode(_ block: [UInt8]) -> [Header]? {
    var headers: [Header] = []
    var at = 0
    while true {
      var field = nghttp2_nv()
      var flags: Int32 = 0
      let n = block.withUnsafeBufferPointer { bytes in
        nghttp2_hd_inflate_hd2(
          handle, &field, &flags, bytes.baseAddress.map { $0 + at }, bytes.count - at, 1)
      }
      guard n >= 0 else { return nil }
      at += n
      if flags & Int32(NGHTTP2_HD_INFLATE_EMIT.rawValue) != 0 {
        headers.append(
          Header(
            name: Array(UnsafeBufferPointer(start: field.name, count: field.namelen)),
            value: Array(UnsafeBufferPointer(start: field.value, count: field.valuelen))))
      }
      if flags & Int32(NGHTTP2_HD_INFLATE_FINAL.rawValue) != 0 {
        nghttp2_hd_inflate_end_headers(handle)
        return at == block.count ? headers : nil
      }
      if flags & Int32(NGHTTP2_HD_INFLATE_EMIT.rawValue) == 0, at == block.count { return nil }
    }
  }
}
