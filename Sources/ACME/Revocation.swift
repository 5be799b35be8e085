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

  /// A reason by its number or its name, without regard to case and hyphens: `1`, `keyCompromise`, `key-compromise`.
  public init?(_ text: String) {
    let wanted = text.lowercased().filter { $0 != "-" }
    let found = Self.allCases.first { "\($0)".lowercased() == wanted || "\($0.rawValue)" == wanted }
    guard let found else { return nil }
    self = found
  }
}

private struct RevokeCertificate: Encodable {
  let certificate: String
  let reason: Int
}

/// Who asks for a revocation (RFC 8555 §7.6).
public enum RevocationAuthor: Sendable {
  /// The account that ordered the certificate. One that the CA has lost is registered anew, and most likely refused.
  case account
  /// Whoever has the certificate's key; no account is needed.
  case certificate(PrivateKey)
  /// The account and, where the CA does not know it or does not take it for the one that ordered, the certificate's
  /// key. Registers nothing.
  case either(PrivateKey)
}

extension Client {
  /// Revokes a certificate. One that is revoked already is fine.
  public func revoke(
    _ certificate: Certificate, reason: RevocationReason, by author: RevocationAuthor = .account
  ) async throws(ACMEError) {
    switch author {
    case .account:
      try await withAccount { (_) throws(ACMEError) in
        try await self.revoke(certificate, reason, .account)
      }
    case .certificate(let key): try await revoke(certificate, reason, key)
    case .either(let key):
      do throws(ACMEError) {
        guard try await isKnown() else { return try await revoke(certificate, reason, key) }
        try await revoke(certificate, reason, .account)
      } catch {
        switch error.problem?.kind {
        case .accountDoesNotExist, .unauthorized: try await revoke(certificate, reason, key)
        // Some CAs want it shown that the key is in other hands.
        case .badRevocationReason where reason == .keyCompromise: try await revoke(certificate, reason, key)
        default: throw error
        }
      }
    }
  }

  /// Whether the CA has an account of ours, as far as it has been told.
  private func isKnown() async throws(ACMEError) -> Bool {
    _ = try await directory()
    if accountURL != nil { return true }
    return try await existingAccount() != nil
  }

  private func revoke(
    _ certificate: Certificate, _ reason: RevocationReason, _ key: PrivateKey
  ) async throws(ACMEError) {
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
    let call = Call<Void>(.revocation, .post(payload: ACMEJSON.encode(body), by: author), url) { _ in }
    try await perform(call) { (failure) throws(ACMEError) -> Void? in
      if case .refused(_, let problem?, _) = failure, problem.kind == .alreadyRevoked { return () }
      return nil
    }
  }
}
