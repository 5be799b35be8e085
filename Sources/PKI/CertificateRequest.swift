internal import COpenSSL

/// Certification requests (RFC 2986), as ACME's finalize wants them (RFC 8555 §7.4).
public enum CertificateRequest {
  /// The most identifiers in one request; public CAs allow 100.
  public static let maximumIdentifiers = 1000

  /// A PKCS#10 request as DER, signed by the key: empty subject, every identifier as a subject alternative
  /// name.
  public static func der(identifiers: [Identifier], key: PrivateKey) throws(PKIError) -> [UInt8] {
    let what = "making a certificate request"
    guard (1...maximumIdentifiers).contains(identifiers.count) else {
      throw PKIError(what: what, reason: "it needs 1 to \(maximumIdentifiers) identifiers")
    }
    let request = try unsafe made(X509_REQ_new(), what)
    defer { unsafe X509_REQ_free(request) }
    try unsafe succeeded(X509_REQ_set_version(request, 0), what)
    try unsafe succeeded(key.withHandle { unsafe X509_REQ_set_pubkey(request, $0) }, what)
    var stack: OpaquePointer?
    defer { unsafe certd_sk_X509_EXTENSION_pop_free(stack) }
    // Not critical although the subject is empty: it is a wish, and CAs differ on critical ones.
    let names = ExtensionValue.subjectAlternativeName(identifiers, isCritical: false)
    let copy = try unsafe names.with { (value) throws(PKIError) in
      try unsafe made(X509_EXTENSION_dup(value), what)
    }
    guard unsafe certd_sk_X509_EXTENSION_push(&stack, copy) > 0 else {
      unsafe X509_EXTENSION_free(copy)
      throw PKIError.drained(what)
    }
    try unsafe succeeded(X509_REQ_add_extensions(request, stack), what)
    try unsafe succeeded(key.withHandle { unsafe X509_REQ_sign(request, $0, key.certificateDigest) }, what)
    return try unsafe encoded(what) { unsafe i2d_X509_REQ(request, $0) }
  }
}
