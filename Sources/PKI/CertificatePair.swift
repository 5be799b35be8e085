/// A chain and its key, made of what lies in the files: the leaf is the one that the key belongs to, and its issuers
/// follow it, whatever their order was.
public struct CertificatePair: Sendable {
  /// The leaf, and each one's issuer after it.
  public let chain: CertificateChain
  /// The leaf's private key.
  public let key: PrivateKey
  /// What was put right, for people.
  public let remarks: [String]

  /// The pair in a file of certificates and, where it is another, a file with the key. Paths are for messages.
  public init(
    _ file: CertificateFile, path: String, keys keyFile: CertificateFile? = nil, keyPath: String
  ) throws(PKIError) {
    if file.certificates.isEmpty {
      if let keyFile, keyFile.keys.isEmpty, !keyFile.certificates.isEmpty, !file.keys.isEmpty {
        throw Self.bad("\(path) holds the key and \(keyPath) the certificate: exchange cert and key")
      }
      throw Self.bad("there is no certificate in \(path)")
    }
    let keys = keyFile?.keys ?? file.keys
    if keys.isEmpty {
      throw Self.bad(
        keyFile == nil
          ? "there is no private key in \(path): name its file by key"
          : "there is no private key in \(keyPath)")
    }
    // Doubled ones are one; of renewals with the same key the longer one counts.
    var certificates: [Certificate] = []
    for one in file.certificates where !certificates.contains(one) { certificates.append(one) }
    var best: (leaf: Certificate, key: PrivateKey)?
    for one in certificates {
      guard let key = keys.first(where: { one.matches($0) }) else { continue }
      if let best, best.leaf.notAfter >= one.notAfter { continue }
      best = (one, key)
    }
    guard let best else {
      throw Self.bad("the key in \(keyPath) does not belong to the certificate in \(path)")
    }
    let (ordered, others) = try Self.order(best.leaf, certificates)
    chain = ordered
    key = best.key
    remarks = Self.remarks(file.certificates, certificates, ordered, others)
  }

  /// The leaf with its issuers, and what does not belong to it. A self-signed root ends the chain and is not sent.
  private static func order(
    _ leaf: Certificate, _ certificates: [Certificate]
  ) throws(PKIError) -> (CertificateChain, [Certificate]) {
    var rest = certificates.filter { $0 != leaf }
    var intermediates: [Certificate] = []
    var last = leaf
    while let index = rest.firstIndex(where: { last.isSigned(by: $0) }) {
      last = rest.remove(at: index)
      if last.isSelfSigned { break }
      guard intermediates.count < CertificateChain.maximumLength else {
        throw bad("more than \(CertificateChain.maximumLength) certificates in a chain")
      }
      intermediates.append(last)
    }
    return (CertificateChain(leaf: leaf, intermediates: intermediates), rest)
  }

  /// The same with issuers after its last certificate, each the one's before it; a root ends the chain and is not sent.
  public func followed(by issuers: [Certificate]) -> CertificatePair {
    var longer = chain
    for issuer in issuers {
      guard longer.intermediates.count < CertificateChain.maximumLength, !issuer.isSelfSigned,
        longer.last.isSigned(by: issuer)
      else { break }
      longer = CertificateChain(leaf: longer.leaf, intermediates: longer.intermediates + [issuer])
    }
    return CertificatePair(chain: longer, key: key, remarks: remarks)
  }

  private init(chain: CertificateChain, key: PrivateKey, remarks: [String]) {
    self.chain = chain
    self.key = key
    self.remarks = remarks
  }

  private static func remarks(
    _ all: [Certificate], _ distinct: [Certificate], _ chain: CertificateChain, _ others: [Certificate]
  ) -> [String] {
    var remarks: [String] = []
    let sent = [chain.leaf] + chain.intermediates
    if distinct.filter({ sent.contains($0) }) != sent {
      remarks.append("the certificates are in the wrong order: sent leaf first, each followed by its issuer")
    }
    if distinct.count < all.count { remarks.append("a certificate stands in it twice: sent once") }
    for other in others.prefix(3) {
      remarks.append("\(other.subject) does not belong to the chain of the leaf: not sent")
    }
    return remarks
  }

  private static func bad(_ reason: String) -> PKIError { PKIError(what: "", reason: reason) }
}

extension Certificate {
  /// Whether it is its own issuer.
  public var isSelfSigned: Bool { subject == issuer && isSigned(by: self) }
}
