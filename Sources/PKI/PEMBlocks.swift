internal import Bytes

/// The blocks of a PEM text as people bring them (RFC 7468's lax reading): any order and labels, comments and bag
/// attributes between them, any line ends, lines joined or wrapped anywhere.
struct PEMBlock: Equatable {
  /// What stands after BEGIN, for instance `CERTIFICATE`.
  let label: String
  /// What it holds.
  let der: [UInt8]
  /// The block as a text that OpenSSL reads, with the headers of an encrypted key.
  let text: [UInt8]

  /// The most blocks of one text.
  static let maximumCount = 1000

  private static let begin = Array("-----BEGIN ".utf8)
  private static let end = Array("-----END ".utf8)
  private static let dashes = Array("-----".utf8)

  /// Every block, in order; none where there is no BEGIN. A block that is cut off or damaged is an error.
  static func all(_ bytes: [UInt8]) throws(PKIError) -> [PEMBlock] {
    var found: [PEMBlock] = []
    var at = 0
    while let start = bytes.position(of: begin, from: at) {
      guard found.count < maximumCount else { throw refused("more than \(maximumCount) blocks") }
      let labelStart = start + begin.count
      guard let labelEnd = bytes.position(of: dashes, from: labelStart), labelEnd - labelStart <= 64 else {
        throw refused("block \(found.count + 1) begins with a damaged line")
      }
      let label = String(decoding: bytes[labelStart..<labelEnd], as: UTF8.self)
      let bodyStart = labelEnd + dashes.count
      let mark = end + Array(label.utf8) + dashes
      guard let bodyEnd = bytes.position(of: mark, from: bodyStart) else {
        throw refused("block \(found.count + 1) (\(label)) is cut off: it has no end")
      }
      let body = bytes[bodyStart..<bodyEnd]
      if Array(body).position(of: begin, from: 0) != nil {
        throw refused("block \(found.count + 1) (\(label)) is a block without its end")
      }
      found.append(try block(label, body, found.count + 1))
      at = bodyEnd + mark.count
    }
    return found
  }

  private static func block(
    _ label: String, _ body: ArraySlice<UInt8>, _ number: Int
  ) throws(PKIError) -> PEMBlock {
    var headers: [UInt8] = []
    var base64: [UInt8] = []
    for line in body.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }) {
      // The headers of RFC 1421 stand before the text and have a colon, which base64 never has.
      if line.contains(UInt8(ascii: ":")), base64.isEmpty {
        headers += line + [0x0A]
      } else {
        base64 += line.filter { $0 != 0x20 && $0 != 0x09 }
      }
    }
    guard !base64.isEmpty, base64.count <= PEM.maximumBlockCharacters,
      let der = Base64.decode(String(decoding: base64, as: UTF8.self))
    else { throw refused("bad base64 in block \(number) (\(label))") }
    var text = Array("-----BEGIN \(label)-----\n".utf8) + headers
    if !headers.isEmpty { text.append(0x0A) }
    for start in stride(from: 0, to: base64.count, by: 64) {
      text += base64[start..<min(start + 64, base64.count)] + [0x0A]
    }
    return PEMBlock(label: label, der: der, text: text + Array("-----END \(label)-----\n".utf8))
  }

  private static func refused(_ reason: String) -> PKIError {
    PKIError(what: "reading PEM", reason: reason)
  }
}

extension [UInt8] {
  /// Where some bytes stand first, at or after a place.
  func position(of part: [UInt8], from start: Int) -> Int? {
    guard let first = part.first, start >= 0 else { return nil }
    var at = start
    while at + part.count <= count {
      guard let candidate = self[at...(count - part.count)].firstIndex(of: first) else { return nil }
      if self[candidate..<candidate + part.count].elementsEqual(part) { return candidate }
      at = candidate + 1
    }
    return nil
  }
}
