internal import COpenSSL

/// A `ClientVerification` in OpenSSL's terms: the store that all contexts of a listener share.
final class ClientTrust {
  let mode: ClientVerification.Mode
  private let store: OpaquePointer
  private let authorities: [OpaquePointer]
  /// What will refuse clients although it could be read.
  private(set) var warnings: [String] = []

  init(_ verification: ClientVerification) throws(ContextError) {
    mode = verification.mode
    guard let store = X509_STORE_new() else { throw ContextError("create a trust store") }
    var authorities: [OpaquePointer] = []
    var lists: [OpaquePointer] = []
    defer { for list in lists { X509_CRL_free(list) } }
    do throws(ContextError) {
      for pem in verification.authoritiesPEM { try Self.readAuthorities(pem, into: &authorities) }
      guard !authorities.isEmpty else {
        throw ContextError("read the clients' authorities", "there are none")
      }
      for content in verification.revocationLists { try Self.readLists(content, into: &lists) }
      for list in lists where !authorities.contains(where: { Self.isIssuer($0, of: list) }) {
        throw ContextError(
          "use the revocation list of \(X509Text.name(X509_CRL_get_issuer(list)))",
          "none of the authorities has signed it")
      }
      for authority in authorities where X509_STORE_add_cert(store, authority) != 1 {
        throw ContextError("trust an authority")
      }
      for list in lists where X509_STORE_add_crl(store, list) != 1 {
        throw ContextError("use a revocation list")
      }
    } catch {
      for authority in authorities { X509_free(authority) }
      X509_STORE_free(store)
      throw error
    }
    var flags = UInt(X509_V_FLAG_PARTIAL_CHAIN)
    if !lists.isEmpty { flags |= UInt(X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) }
    X509_STORE_set_flags(store, flags)
    X509_STORE_set_verify_cb(store, Self.tolerateMissingListsAbove)
    self.store = store
    self.authorities = authorities
    warnings = Self.warnings(lists)
  }

  deinit {
    for authority in authorities { X509_free(authority) }
    X509_STORE_free(store)
  }

  /// Makes a context ask for certificates and verify them.
  func install(in context: OpaquePointer) throws(ContextError) {
    SSL_CTX_set1_cert_store(context, store)
    let strict = mode == .require ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | strict, nil)
    guard authorities.count <= ClientVerification.maximumToldAuthorities else { return }
    for authority in authorities where SSL_CTX_add_client_CA(context, authority) != 1 {
      throw ContextError("name an authority to clients")
    }
  }

  /// Whether a session of a ticket may go on: a client that was verified then must pass once more now, against the
  /// present authorities, revocation lists and clock. What cannot be decided without the client's chain is a no,
  /// and only costs a full handshake.
  func stillAccepts(_ session: OpaquePointer) -> Bool {
    guard let leaf = SSL_SESSION_get0_peer(session) else { return mode == .request }
    guard let context = X509_STORE_CTX_new() else { return false }
    defer {
      X509_STORE_CTX_free(context)
      Failure.clear()
    }
    guard X509_STORE_CTX_init(context, store, leaf, nil) == 1,
      X509_STORE_CTX_set_default(context, "ssl_client") == 1
    else { return false }
    return X509_verify_cert(context) == 1
  }

  /// Only the client's own issuer must have a revocation list.
  private static let tolerateMissingListsAbove: X509_STORE_CTX_verify_cb = { verified, context in
    guard verified == 0, let context, X509_STORE_CTX_get_error(context) == X509_V_ERR_UNABLE_TO_GET_CRL,
      X509_STORE_CTX_get_error_depth(context) > 0
    else { return verified }
    X509_STORE_CTX_set_error(context, X509_V_OK)
    return 1
  }

  // MARK: Reading

  private static func readAuthorities(
    _ pem: [UInt8], into all: inout [OpaquePointer]
  ) throws(ContextError) {
    let step = "read the clients' authorities"
    let before = all.count
    let bio = BIO_new_mem_buf(pem, Int32(clamping: pem.count))
    defer { BIO_free(bio) }
    while let found = PEM_read_bio_X509(bio, nil, { _, _, _, _ in -1 }, nil) { all.append(found) }
    try endOfPEM(step, found: all.count > before, "no PEM certificate found")
  }

  private static func readLists(_ content: [UInt8], into all: inout [OpaquePointer]) throws(ContextError) {
    let step = "read a revocation list"
    if content.first == 0x30 {
      var bytes: UnsafePointer<UInt8>?
      let list = content.withUnsafeBufferPointer { buffer in
        bytes = buffer.baseAddress
        return d2i_X509_CRL(nil, &bytes, buffer.count)
      }
      guard let list else { throw ContextError(step) }
      return all.append(list)
    }
    let before = all.count
    let bio = BIO_new_mem_buf(content, Int32(clamping: content.count))
    defer { BIO_free(bio) }
    while let found = PEM_read_bio_X509_CRL(bio, nil, { _, _, _, _ in -1 }, nil) { all.append(found) }
    try endOfPEM(step, found: all.count > before, "no PEM revocation list found")
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
    guard X509_NAME_cmp(X509_get_subject_name(authority), X509_CRL_get_issuer(list)) == 0,
      let key = X509_get0_pubkey(authority)
    else { return false }
    return X509_CRL_verify(list, key) == 1
  }

  private static func warnings(_ lists: [OpaquePointer]) -> [String] {
    lists.compactMap { list in
      let name = X509Text.name(X509_CRL_get_issuer(list))
      guard let next = X509_CRL_get0_nextUpdate(list), X509_cmp_current_time(next) < 0 else { return nil }
      return "the revocation list of \(name) has expired: its clients are refused until there is a new one"
    }
  }
}
