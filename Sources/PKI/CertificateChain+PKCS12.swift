internal import COpenSSL

extension CertificateChain {
  /// The chain and its key as PKCS#12 (RFC 7292), with an empty password: for a receiver to whom it goes under TLS, in
  /// the encryption (three-key triple DES, SHA-1) that every receiver reads and that protects nothing here.
  public func pkcs12(_ key: PrivateKey, name: String) throws(PKIError) -> [UInt8] {
    let what = "writing PKCS#12"
    guard let others = unsafe certd_sk_X509_new_null() else {
      throw PKIError(what: what, reason: "no memory")
    }
    defer { unsafe certd_sk_X509_pop_free(others) }
    for one in intermediates {
      let copy = unsafe try Self.read(one)
      guard unsafe certd_sk_X509_push(others, copy) > 0 else {
        unsafe X509_free(copy)
        throw PKIError(what: what, reason: "no memory")
      }
    }
    let first = unsafe try Self.read(leaf)
    defer { unsafe X509_free(first) }
    let bag = unsafe key.withHandle { handle in
      unsafe PKCS12_create(
        "", name, handle, first, others, NID_pbe_WithSHA1And3_Key_TripleDES_CBC,
        NID_pbe_WithSHA1And3_Key_TripleDES_CBC, Self.iterations, Self.iterations, 0)
    }
    guard let bag = unsafe bag else { throw PKIError.drained(what) }
    defer { unsafe PKCS12_free(bag) }
    return try unsafe encoded(what) { unsafe i2d_PKCS12(bag, $0) }
  }

  /// Rounds of the key derivation.
  private static let iterations: Int32 = 2048

  private static func read(_ certificate: Certificate) throws(PKIError) -> OpaquePointer {
    let der = certificate.der
    let read = unsafe der.withUnsafeBufferPointer { buffer in
      var at = buffer.baseAddress
      return unsafe d2i_X509(nil, &at, buffer.count)
    }
    guard let read = unsafe read else { throw PKIError.drained("reading a certificate") }
    return unsafe read
  }
}
