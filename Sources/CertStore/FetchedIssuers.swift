public import Bytes
import OS
public import PKI

/// Certificates of issuers that chains lacked and that were fetched for them, by the issuer's name and key: a renewal by
/// the same issuer finds them again.
public struct FetchedIssuers: Sendable {
  private let layout: Layout
  private let fs = FileSystem()

  /// The largest certificate that is kept, in bytes.
  static let maximumBytes = 128 * 1024

  /// Those of the store in a directory, which need not be there.
  public init(root: String) { layout = Layout(root: root) }

  private func path(of certificate: Certificate) -> String? {
    let key = Array(certificate.issuer.utf8) + [0] + (certificate.authorityKeyIdentifier ?? [])
    return (try? Digest.sha256(key)).map { "\(layout.issuers)/\(Hex.encode($0)).pem" }
  }

  /// The certificate that has signed this one, if it was fetched and holds at this moment. A file that is damaged, or
  /// another's, is none.
  public func issuer(of certificate: Certificate, now: UnixTime) -> Certificate? {
    guard let path = path(of: certificate),
      let bytes = try? fs.read(path, limitInBytes: Self.maximumBytes),
      let found = try? Certificate.parse(pem: bytes).first
    else { return nil }
    return Self.isIssuer(found, of: certificate, now: now) ? found : nil
  }

  /// Whether one may have issued the other: it is a CA's, holds now, and its key has made the signature. What else stands
  /// in it is its own issuer's word.
  public static func isIssuer(_ issuer: Certificate, of certificate: Certificate, now: UnixTime) -> Bool {
    issuer.isCA && issuer.notBefore <= now && now <= issuer.notAfter && certificate.isSigned(by: issuer)
  }

  /// The issuers that follow a certificate, each the one's before it, as far as they were fetched.
  public func issuers(after last: Certificate, now: UnixTime) -> [Certificate] {
    var found: [Certificate] = []
    var last = last
    while found.count < CertificateChain.maximumLength, !last.isSelfSigned,
      let next = issuer(of: last, now: now)
    {
      found.append(next)
      last = next
    }
    return found
  }

  /// Keeps the issuer of a certificate. One process writes at a time: the one that serves.
  public func keep(_ issuer: Certificate, of certificate: Certificate) throws(StoreError) {
    guard let path = path(of: certificate) else { return }
    try doing("keeping the issuer \(issuer.subject)") {
      do throws(SystemError) { try fs.makeDirectory(layout.issuers, mode: 0o700) } catch {
        guard error.isCollision else { throw error }
      }
      try fs.publish(path, issuer.pem, mode: 0o600)
    }
  }
}
