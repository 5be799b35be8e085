internal import Bytes

/// Certificates between PEM (RFC 7468) and DER.
enum PEM {
  /// The longest accepted text.
  static let maximumBytes = 1 << 20
  /// The most certificates in one text; the system's trust store has about 150.
  static let maximumCertificates = 1000

  /// The longest block, in characters of base64.
  static let maximumBlockCharacters = (Certificate.maximumDERBytes + 2) / 3 * 4

  private static let begin = "-----BEGIN CERTIFICATE-----"
  private static let end = "-----END CERTIFICATE-----"

  /// The DER of every certificate, in order; comments between blocks are allowed (RFC 7468 §2), other blocks
  /// are not (RFC 8555 §11.4), nor a block that is cut off.
  static func certificates(_ pem: [UInt8]) throws(PKIError) -> [[UInt8]] {
    guard pem.count <= maximumBytes else { throw refused("longer than \(maximumBytes) bytes") }
    var found: [[UInt8]] = []
    var body: String?
    for line in pem.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }) {
      let text = String(decoding: trimmed(line), as: UTF8.self)
      if let base64 = body {
        if text == end {
          guard !base64.isEmpty, let der = Base64.decode(base64) else {
            throw refused("bad base64 in a block")
          }
          found.append(der)
          body = nil
        } else if text.hasPrefix("-") {
          throw refused("a block without its end")
        } else {
          guard base64.utf8.count + text.utf8.count <= maximumBlockCharacters else {
            throw refused("a block longer than \(maximumBlockCharacters) characters")
          }
          body = base64 + text
        }
      } else if text == begin {
        guard found.count < maximumCertificates else { throw refused("more than \(maximumCertificates)") }
        body = ""
      } else if text.hasPrefix("-") {
        throw refused("a block that is not a certificate")
      }
    }
    if body != nil { throw refused("the last block is cut off") }
    guard !found.isEmpty else { throw refused("there is no certificate in it") }
    return found
  }

  /// The text of one certificate, 64 characters a line.
  static func text(_ der: [UInt8]) -> [UInt8] {
    let base64 = Array(Base64.encode(der).utf8)
    var out = Array((begin + "\n").utf8)
    for start in stride(from: 0, to: base64.count, by: 64) {
      out += base64[start..<min(start + 64, base64.count)]
      out.append(0x0A)
    }
    return out + Array((end + "\n").utf8)
  }

  private static func trimmed(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var line = line
    while let last = line.last, last == 0x20 || last == 0x09 { line.removeLast() }
    return line
  }

  private static func refused(_ reason: String) -> PKIError {
    PKIError(what: "reading certificates", reason: reason)
  }
}
