public import Bytes

/// A leaf and the certificates that lead from it towards a root, as a CA delivers them.
public struct CertificateChain: Sendable, Equatable {
  /// The server's certificate.
  public let leaf: Certificate
  /// The others, each the issuer of the one before; may be empty.
  public let intermediates: [Certificate]

  /// The most certificates in one chain.
  public static let maximumLength = 10
  /// How far in the future a certificate may begin: our clock may be that slow.
  public static let allowedClockSkewSeconds: Int64 = 600

  /// A chain of certificates already read.
  public init(leaf: Certificate, intermediates: [Certificate]) {
    self.leaf = leaf
    self.intermediates = intermediates
  }

  /// The one that nothing follows.
  public var last: Certificate { intermediates.last ?? leaf }

  /// Reads a chain from PEM, leaf first (RFC 8555 §9.1). Only read: `check` decides whether it is good.
  public init(pem: [UInt8]) throws(PKIError) {
    let all = try Certificate.parse(pem: pem)
    guard let first = all.first, all.count <= Self.maximumLength else {
      throw PKIError(what: "reading a chain", reason: "more than \(Self.maximumLength) certificates")
    }
    leaf = first
    intermediates = Array(all.dropFirst())
  }

  /// Everything that must hold before a chain is published: the key is the leaf's, the leaf covers every
  /// identifier and is no CA, each certificate is signed by the next, and all are valid now.
  ///
  /// It does not decide whether the last one leads to a trusted root.
  public func check(key: PrivateKey, identifiers: [Identifier], now: UnixTime) throws(PKIError) {
    guard leaf.matches(key) else { throw bad("the leaf is for another key") }
    guard !leaf.isCA else { throw bad("the first certificate is a CA's, not a server's") }
    for identifier in identifiers where !leaf.covers(identifier) {
      throw bad("the leaf does not cover \(identifier)")
    }
    var previous = leaf
    for next in intermediates {
      guard next.isCA else { throw bad("\(next.subject) is not a CA") }
      guard previous.isSigned(by: next) else {
        throw bad("\(name(previous)) is not signed by the next one, \(next.subject)")
      }
      previous = next
    }
    for certificate in [leaf] + intermediates {
      guard certificate.notBefore <= now + Self.allowedClockSkewSeconds else {
        throw bad("\(name(certificate)) is valid only from \(certificate.notBefore)")
      }
      guard now <= certificate.notAfter else {
        throw bad("\(name(certificate)) expired at \(certificate.notAfter)")
      }
    }
  }

  /// Leaf and intermediates as PEM.
  public var pem: [UInt8] { leafPEM + intermediatesPEM }
  /// The leaf as PEM.
  public var leafPEM: [UInt8] { leaf.pem }
  /// The intermediates as PEM; empty for none.
  public var intermediatesPEM: [UInt8] { intermediates.flatMap(\.pem) }

  private func bad(_ reason: String) -> PKIError { PKIError(what: "checking a chain", reason: reason) }

  private func name(_ certificate: Certificate) -> String {
    certificate === leaf ? "the leaf" : certificate.subject
  }
}
