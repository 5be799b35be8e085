import Bytes
import PKI

/// What a load balancer must know of an uploaded certificate, found by the checks that Google makes.
struct CertificateFacts: Sendable, Hashable {
  let sha256: String
  let names: [String]
  let dnsNames: [String]
  let notBefore: UnixTime
  let notAfter: UnixTime

  /// Where a certificate is uploaded to decides what is taken.
  enum Place: Sendable {
    case global, regional, manager
    var maximumChain: Int { self == .manager ? 10 : 5 }
    var keyTypes: [KeyType] { self == .global ? [.rsa2048, .ecP256] : KeyType.allCases }
  }

  init(certificate: String, key: String, place: Place) throws(Failure) {
    guard let chain = try? Certificate.parse(pem: Array(certificate.utf8)), let leaf = chain.first else {
      throw Self.bad("CouldNotParseCert", "The SSL certificate could not be parsed.")
    }
    guard chain.count <= place.maximumChain else {
      throw Self.bad("ChainTooLong", "The SSL certificate chain has \(chain.count) certificates.")
    }
    guard Set(chain).count == chain.count else {
      throw Self.bad("ChainInvalid", "The SSL certificate chain repeats a certificate.")
    }
    guard let key = try? PrivateKey(pem: Array(key.utf8)) else {
      throw Self.bad("CouldNotParseKey", "The SSL key could not be parsed.")
    }
    guard let type = key.type, place.keyTypes.contains(type) else {
      throw Self.bad("UnsupportedKey", "The SSL key type is not supported.")
    }
    guard leaf.matches(key) else {
      throw Self.bad("KeyMismatch", "The SSL certificate and private key do not match.")
    }
    for (one, next) in zip(chain, chain.dropFirst()) where !one.isSigned(by: next) {
      throw Self.bad("ChainInvalid", "The SSL certificate chain is out of order.")
    }
    guard !leaf.identifiers.isEmpty || leaf.commonName != nil else {
      throw Self.bad(
        "MissingName",
        "The SSL certificate is missing a Common Name(CN) or Subject Alternative Name(SAN).")
    }
    sha256 = Hex.encode(leaf.sha256)
    names = leaf.identifiers.map(\.description)
    dnsNames = leaf.identifiers.compactMap { if case .dns(let name) = $0 { name } else { nil } }
    notBefore = leaf.notBefore
    notAfter = leaf.notAfter
  }

  private static func bad(_ reason: String, _ message: String) -> Failure {
    Failure(400, "sslCertificate\(reason)", message)
  }

  func isValid(at now: UnixTime) -> Bool { notBefore <= now && now < notAfter }

  /// Whether one of some names speaks for another.
  static func cover(_ names: some Sequence<String>, _ wanted: String) -> Bool {
    names.contains { name in
      guard name != wanted else { return true }
      guard name.hasPrefix("*."), let dot = wanted.firstIndex(of: ".") else { return false }
      return wanted[wanted.index(after: dot)...] == name.dropFirst(2)
    }
  }
}
