import Bytes
import CertStore
import FoundationEssentials
import PKI

/// One certificate of the store as `list` and `show` tell it.
struct CertificateDescription: Encodable {
  let name: String
  let identifiers: [String]
  let notBefore: String
  let notAfter: String
  let daysLeft: Int64
  let issuer: String?
  let issuedBy: String
  let key: String
  let serial: String
  let sha256: String
  let generation: Int
  let directory: String
  /// Whether it was revoked from here.
  let revoked: Bool

  init(_ stored: StoredCertificate, revoked: Set<String> = [], now: UnixTime) {
    let leaf = stored.chain.leaf
    name = stored.name.description
    identifiers = leaf.identifiers.map(\.description)
    notBefore = leaf.notBefore.description
    notAfter = leaf.notAfter.description
    daysLeft = (leaf.notAfter - now) / 86_400
    issuer = stored.meta.issuer
    issuedBy = leaf.issuer
    key = leaf.keyTypeDescription
    serial = leaf.serialHex
    sha256 = Hex.encode(leaf.sha256)
    generation = stored.generation
    directory = stored.directory
    self.revoked = revoked.contains(sha256)
  }

  static func json(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }
}
