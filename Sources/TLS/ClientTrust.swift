internal import COpenSSL

/// A `ClientVerification` in OpenSSL's terms: the store that all contexts of a listener share.
@safe final class ClientTrust {
  let mode: ClientVerification.Mode
  private let store: OpaquePointer
  private let authorities: [OpaquePointer]
  /// What will refuse clients although it could be read.
  private(set) var warnings: [String] = []

  init(_ verification: ClientVerification) throws(ContextError) {
    mode = verification.mode
    guard let store = unsafe X509_STORE_new() else { throw ContextError("create a trust store") }
    var authorities: [OpaquePointer] = unsafe []
    var lists: [OpaquePointer] = unsafe []
    defer { unsafe lists.forEach { list in unsafe X509_CRL_free(list) } }
    do throws(ContextError) {
      for pem in verification.authoritiesPEM { try unsafe Self.readAuthorities(pem, into: &authorities) }
      guard unsafe !authorities.isEmpty else {
        throw ContextError("read the clients' authorities", "there are none")
      }
      for content in verification.revocationLists { try unsafe Self.readLists(content, into: &lists) }
      for index in unsafe lists.indices
      where unsafe !authorities.contains(where: { unsafe Self.isIssuer($0, of: lists[index]) }) {
        throw ContextError(
          unsafe "use the revocation list of \(X509Text.name(X509_CRL_get_issuer(lists[index])))",
          "none of the authorities has signed it")
      }
      for index in unsafe authorities.indices where unsafe X509_STORE_add_cert(store, authorities[index]) != 1
      {
        throw ContextError("trust an authority")
      }
      for index in unsafe lists.indices where unsafe X509_STORE_add_crl(store, lists[index]) != 1 {
        throw ContextError("use a revocation list")
      }
    } catch {
      unsafe authorities.forEach { authority in unsafe X509_free(authority) }
      unsafe X509_STORE_free(store)
      throw error
    }
    var flags = UInt(X509_V_FLAG_PARTIAL_CHAIN)
    if unsafe !lists.isEmpty { flags |= UInt(X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) }
    unsafe X509_STORE_set_flags(store, flags)
    unsafe X509_STORE_set_verify_cb(store, Self.tolerateMissingListsAbove)
    unsafe self.store = unsafe store
    unsafe self.authorities = unsafe authorities
    warnings = unsafe Self.warnings(lists)
  }

  deinit {
    unsafe authorities.forEach { authority in unsafe X509_free(authority) }
    unsafe X509_STORE_free(store)
  }

  /// Makes a context ask for certificates and verify them.
  func install(in context: OpaquePointer) throws(ContextError) {
    unsafe SSL_CTX_set1_cert_store(context, store)
    let strict = mode == .require ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0
    unsafe SSL_CTX_set_verify(context, SSL_VERIFY_PEER | strict, nil)
    guard unsafe authorities.count <= ClientVerification.maximumToldAuthorities else { return }
    for index in unsafe authorities.indices
    where unsafe SSL_CTX_add_client_CA(context, authorities[index]) != 1 {
      throw ContextError("name an authority to clients")
    }
  }

  /// Whether a session of a ticket may go on: a client that was verified then must pass once more now, against the
  /// present authorities, revocation lists and clock. What cannot be decided without the client's chain is a no,
  /// and only costs a full handshake.
  func stillAccepts(_ session: OpaquePointer) -> Bool {
    guard let leaf = unsafe SSL_SESSION_get0_peer(session) else { return mode == .request }
    guard let context = unsafe X509_STORE_CTX_new() else { return false }
    defer {
      unsafe X509_STORE_CTX_free(context)
      Failure.clear()
    }
    guard unsafe X509_STORE_CTX_init(context, store, leaf, nil) == 1,
      unsafe X509_STORE_CTX_set_default(context, "ssl_client") == 1
    else { return false }
    return unsafe X509_verify_cert(context) == 1
  }

  /// Only the client's own issuer must have a revocation list.
  private static let tolerateMissingListsAbove: X509_STORE_CTX_verify_cb = { verified, context in
    guard verified == 0, let context = unsafe context,
      unsafe X509_STORE_CTX_get_error(context) == X509_V_ERR_UNABLE_TO_GET_CRL,
      unsafe X509_STORE_CTX_get_error_depth(context) > 0
    else { return verified }
    unsafe X509_STORE_CTX_set_error(context, X509_V_OK)
    return 1
  }

  // MARK: Reading

  private static func readAuthorities(
    _ pem: [UInt8], into all: inout [OpaquePointer]
  ) throws(ContextError) {
    let step = "read the clients' authorities"
    let before = unsafe all.count
    let bio = unsafe BIO_new_mem_buf(pem, Int32(clamping: pem.count))
    defer { unsafe BIO_free(bio) }
    while let found = unsafe PEM_read_bio_X509(bio, nil, { _, _, _, _ in -1 }, nil) {
      unsafe all.append(found)
    }
    try unsafe endOfPEM(step, found: all.count > before, "no PEM certificate found")
  }

  private static func readLists(_ content: [UInt8], into all: inout [OpaquePointer]) throws(ContextError) {
    let step = "read a revocation list"
    if content.first == 0x30 {
      var bytes: UnsafePointer<UInt8>?
      let list = unsafe content.withUnsafeBufferPointer { buffer in
        unsafe bytes = buffer.baseAddress
        return unsafe d2i_X509_CRL(nil, &bytes, buffer.count)
      }
      guard let list = unsafe list else { throw ContextError(step) }
      return unsafe all.append(list)
    }
    let before = unsafe all.count
    let bio = unsafe BIO_new_mem_buf(content, Int32(clamping: content.count))
    defer { unsafe BIO_free(bio) }
    while let found = unsafe PEM_read_bio_X509_CRL(bio, nil, { _, _, _, _ in -1 }, nil) {
      unsafe all.append(found)
    }
    try unsafe endOfPEM(step, found: all.count > before, "no PEM revocation list found")
  }

  /// A damaged block must not be taken for the end of the file: what follows it would silently not count.
  private static func endOfPEM(_ step: String, found: Bool, _ nothing: String) throws(ContextError) {
    let last = ERR_peek_last_error()
    let isEnd = certd_ERR_GET_REASON(last) == PEM_R_NO_START_LINE
    guard last == 0 || isEnd else { throw ContextError(step) }
    Failure.clear()
    guard found else { throw ContextError(step, nothing) }
  }

  private static func isIssuer(_ authority: OpaquePointer, of list: OpaquePointer) -> Bool {
    defer { Failure.clear() }
    guard unsafe X509_NAME_cmp(X509_get_subject_name(authority), X509_CRL_get_issuer(list)) == 0,
      let key = unsafe X509_get0_pubkey(authority)
    else { return false }
    return unsafe X509_CRL_verify(list, key) == 1
  }

  private static func warnings(_ lists: [OpaquePointer]) -> [String] {
    unsafe lists.compactMap { list in
      let name = unsafe X509Text.name(X509_CRL_get_issuer(list))
      guard let next = unsafe X509_CRL_get0_nextUpdate(list), unsafe X509_cmp_current_time(next) < 0 else {
        return nil
      }
      return "the revocation list of \(name) has expired: its clients are refused until there is a new one"
    }
  }
}
