internal import COpenSSL

/// What a listener presents: a profile, ticket keys, and certificates chosen by server name (RFC 6066 §3).
///
/// A context belongs to one worker thread. Sessions keep what they need of it alive: it may be replaced and
/// dropped while they live on, which is how a renewed certificate is swapped in without touching a connection.
public final class ServerContext: @unchecked Sendable {
  let handle: OpaquePointer

  /// Makes a context. The first credential answers clients that name no or an unknown server; with none at
  /// all every handshake is refused. Throws `ContextError` naming the credential that does not load.
  /// Where `passesUnread` says so of a server name (empty for none) no application protocol is agreed on, whatever
  /// the client offers.
  public init(
    credentials: [Credential], profile: Profile, tickets: TicketKeys,
    passesUnread: ((String) -> Bool)? = nil
  ) throws(ContextError) {
    var table: [String: OpaquePointer] = [:]
    var owned: [OpaquePointer] = []
    do throws(ContextError) {
      for credential in credentials {
        let context = try Self.make(
          profile, ContextData(profile: profile, tickets: tickets, names: nil, passesUnread: passesUnread))
        owned.append(context)
        try Self.load(credential, into: context)
        for name in credential.names where table[name] == nil { table[name] = context }
      }
      let names = SNITable(contexts: owned, byName: table)
      owned = []
      handle = try Self.make(
        profile, ContextData(profile: profile, tickets: tickets, names: names, passesUnread: passesUnread))
      if let first = credentials.first { try Self.load(first, into: handle) }
    } catch {
      for context in owned { SSL_CTX_free(context) }
      throw error
    }
    certd_SSL_CTX_set_servername_callback(handle) { ssl, _, _ in
      guard let ssl, let names = ContextData.of(SSL_get_SSL_CTX(ssl))?.names,
        let name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)
      else { return SSL_TLSEXT_ERR_NOACK }
      guard let context = names.find(String(cString: name)) else { return SSL_TLSEXT_ERR_NOACK }
      SSL_set_SSL_CTX(ssl, context)
      return SSL_TLSEXT_ERR_OK
    }
  }

  deinit { SSL_CTX_free(handle) }

  private static func make(_ profile: Profile, _ data: ContextData) throws(ContextError) -> OpaquePointer {
    guard let context = SSL_CTX_new(TLS_server_method()) else { throw ContextError("create a TLS context") }
    guard data.attach(to: context) else {
      SSL_CTX_free(context)
      throw ContextError("create a TLS context")
    }
    certd_SSL_CTX_set_min_proto_version(context, profile.allowsTLS12 ? TLS1_2_VERSION : TLS1_3_VERSION)
    SSL_CTX_set_options(context, certd_SSL_OP_SERVER)
    certd_SSL_CTX_set_mode(
      context,
      Int(SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER))
    certd_SSL_CTX_set_session_cache_mode(context, Int(SSL_SESS_CACHE_OFF))
    SSL_CTX_set_num_tickets(context, 1)
    SSL_CTX_set_timeout(context, Int(TicketKeys.rotationSeconds) * 2)
    let id = Array("certd".utf8)
    SSL_CTX_set_session_id_context(context, id, UInt32(id.count))
    guard SSL_CTX_set_cipher_list(context, profile.cipherList) == 1,
      SSL_CTX_set_ciphersuites(context, profile.cipherSuites) == 1,
      certd_SSL_CTX_set1_groups_list(context, Groups.available(profile.groups)) == 1
    else {
      SSL_CTX_free(context)
      throw ContextError("set the TLS profile")
    }
    TicketCallback.install(context)
    SSL_CTX_set_alpn_select_cb(context, ContextData.selectProtocol, nil)
    return context
  }

  private static func load(_ credential: Credential, into context: OpaquePointer) throws(ContextError) {
    for (index, der) in credential.chain.enumerated() {
      var bytes: UnsafePointer<UInt8>?
      let certificate = der.withUnsafeBufferPointer { buffer in
        bytes = buffer.baseAddress
        return d2i_X509(nil, &bytes, buffer.count)
      }
      guard let certificate else {
        throw ContextError("read certificate \(index + 1) of \(credential.label)")
      }
      defer { X509_free(certificate) }
      let status =
        index == 0
        ? SSL_CTX_use_certificate(context, certificate) : certd_SSL_CTX_add1_chain_cert(context, certificate)
      guard status == 1 else { throw ContextError("use certificate \(index + 1) of \(credential.label)") }
    }
    let bio = BIO_new_mem_buf(
      credential.privateKeyPEM, Int32(truncatingIfNeeded: credential.privateKeyPEM.count))
    defer { BIO_free(bio) }
    // A callback that gives no password: an encrypted key is an error, never a prompt.
    guard let key = PEM_read_bio_PrivateKey(bio, nil, { _, _, _, _ in -1 }, nil) else {
      throw ContextError("read the private key of \(credential.label)")
    }
    defer { EVP_PKEY_free(key) }
    guard SSL_CTX_use_PrivateKey(context, key) == 1, SSL_CTX_check_private_key(context) == 1 else {
      throw ContextError("use the private key of \(credential.label)")
    }
  }
}

/// Key exchange groups that the linked OpenSSL knows.
enum Groups {
  static func available(_ wanted: [String]) -> String {
    guard let probe = SSL_CTX_new(TLS_server_method()) else { return wanted.joined(separator: ":") }
    defer {
      SSL_CTX_free(probe)
      Failure.clear()
    }
    return wanted.filter { certd_SSL_CTX_set1_groups_list(probe, $0) == 1 }.joined(separator: ":")
  }
}
