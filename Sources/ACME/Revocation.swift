internal import Bytes
internal import HTTP
public import PKI

/// Why a certificate is revoked (RFC 5280 §5.3.1), as far as a subscriber may say.
public enum RevocationReason: Int, Sendable, CaseIterable {
  /// No reason given.
  case unspecified = 0
  /// The key is no longer secret.
  case keyCompromise = 1
  /// The names have changed hands or meaning.
  case affiliationChanged = 3
  /// A newer certificate replaced it.
  case superseded = 4
  /// It is no longer needed.
  case cessationOfOperation = 5
}

private struct RevokeCertificate: Encodable {
  let certificate: String
  let reason: Int
}

extension Client {
  /// Revokes a certificate, as the account that ordered it or, given its key, as its holder
  /// (RFC 8555 §7.6). One that is revoked already is fine.
  public func revoke(
    _ certificate: Certificate, reason: RevocationReason, key: PrivateKey? = nil
  ) async throws(ACMEError) {
    guard let key else {
      return try await withAccount { (_) throws(ACMEError) in
        try await self.revoke(certificate, reason, .account)
      }
    }
    let holder: KeySigner
    do throws(PKIError) { holder = try KeySigner(key) } catch {
      throw ACMEError(.revocation, .local("\(error)"))
    }
    try await revoke(certificate, reason, .key(holder))
  }

  private func revoke(
    _ certificate: Certificate, _ reason: RevocationReason, _ author: Author
  ) async throws(ACMEError) {
    guard let url = try await directory().revokeCert else {
      throw ACMEError(.revocation, .local("the CA offers no revocation"))
    }
    let body = RevokeCertificate(certificate: Base64URL.encode(certificate.der), reason: reason.rawValue)
    let call = Call<Void>(.revocation, .post(payload: JSON.encode(body), by: author), url) { _ in }
    try await perform(call) { (failure) throws(ACMEError) -> Void? in
      if case .refused(_, let problem?, _) = failure, problem.kind == .alreadyRevoked { return () }
      return nil
    }
  }
}
