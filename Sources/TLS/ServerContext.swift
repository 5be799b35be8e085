internal import COpenSSL

/// What a listener presents: a profile, ticket keys, and certificates chosen by server name (RFC 6066 §3), and where
/// one name has several with keys of different kinds, by what the client can verify; and what it asks of its clients.
///
/// A session is resumed only where it could have begun: under the same profile, and with the same demands on the
/// client's certificate, which is verified again at each resumption.
///
/// A context belongs to one worker thread. Sessions keep what they need of it alive: it may be replaced and
/// dropped while they live on, which is how a renewed certificate is swapped in without touching a connection.
public final class ServerContext: @unchecked Sendable {
  let handle: OpaquePointer
  let acceptsEarlyData: Bool

  /// The most early data of one client, in bytes.
  public static let maximumEarlyDataBytes = 16 * 1024

  /// Makes a context. The first credential answers clients that name an unknown server, and those that name none
  /// unless another one speaks for an IP address: whoever connects to an address names no server (RFC 6066 §3). With
  /// none at all every handshake is refused. Of the credentials for a name the first one of each kind of key is
  /// presented, as the client's signature algorithms allow, ECDSA before RSA. Without `clients` no certificate is asked of clients. Where `passesUnread` says
  /// so of a server name (empty for none) no application protocol is agreed on, whatever the client offers.
  /// With `earlyData` sessions are stepped as `Session.awaitsEarlyData` says; it is never taken twice, nor for a name
  /// that passes unread. `validation` gives the certificate that answers a CA's TLS-ALPN-01 (RFC 8737) for a server name,
  /// or nil; such connections must be closed when their handshake is over. Throws `ContextError` naming what does not load.
  public init(
    credentials: [Credential], profile: Profile, tickets: TicketKeys, clients: ClientVerification? = nil,
    passesUnread: ((String) -> Bool)? = nil, earlyData: Bool = false,
    validation: ((String) -> Credential?)? = nil
  ) throws(ContextError) {
    acceptsEarlyData = earlyData
    let trust = try clients.map { (verification) throws(ContextError) in try ClientTrust(verification) }
    let scope = Self.scope(profile, clients)
    func make(_ names: SNITable?) throws(ContextError) -> OpaquePointer {
      let data = ContextData(
        profile: profile, tickets: tickets, names: names, clients: trust, passesUnread: passesUnread,
        validation: validation)
      let context = try Self.make(profile, data, scope)
      if earlyData { EarlyData.install(in: context) }
      return context
    }
    let pairing = Pairing(credentials)
    var contexts: [[Int]: OpaquePointer] = [:]
    var owned: [OpaquePointer] = []
    do throws(ContextError) {
      for group in pairing.groups {
        let context = try make(nil)
        owned.append(context)
        contexts[group] = context
        for index in group { try credentials[index].load(into: context) }
      }
      let names = SNITable(
        contexts: owned, byName: pairing.byName.compactMapValues { contexts[$0] },
        nameless: pairing.nameless.flatMap { contexts[$0] })
      owned = []
      handle = try make(names)
      for index in pairing.first { try credentials[index].load(into: handle) }
    } catch {
      for context in owned { SSL_CTX_free(context) }
      throw error
    }
    if validation != nil { ValidationResponder.install(in: handle) }
    certd_SSL_CTX_set_servername_callback(handle) { ssl, _, _ in
      guard let ssl, !ValidationResponder.isValidation(ssl),
        let names = ContextData.of(SSL_get_SSL_CTX(ssl))?.names
      else { return SSL_TLSEXT_ERR_NOACK }
      guard let name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) else {
        if let context = names.nameless { SSL_set_SSL_CTX(ssl, context) }
        return SSL_TLSEXT_ERR_NOACK
      }
      guard let context = names.find(String(cString: name)) else { return SSL_TLSEXT_ERR_NOACK }
      SSL_set_SSL_CTX(ssl, context)
      return SSL_TLSEXT_ERR_OK
    }
  }

  deinit { SSL_CTX_free(handle) }

  /// Tickets are good within one scope only (RFC 8446 §4.6.1: what was decided about the client must still hold).
  private static func scope(_ profile: Profile, _ clients: ClientVerification?) -> [UInt8] {
    let text = profile.fingerprint + (clients.map { [1] + $0.fingerprint } ?? [0])
    var digest = [UInt8](repeating: 0, count: Int(SSL_MAX_SID_CTX_LENGTH))
    guard EVP_Digest(text, text.count, &digest, nil, EVP_sha256(), nil) == 1 else { return [] }
    return digest
  }

  private static func make(
    _ profile: Profile, _ data: ContextData, _ scope: [UInt8]
  ) throws(ContextError) -> OpaquePointer {
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
    guard SSL_CTX_set_session_id_context(context, scope, UInt32(scope.count)) == 1, !scope.isEmpty,
      SSL_CTX_set_cipher_list(context, profile.cipherList) == 1,
      SSL_CTX_set_ciphersuites(context, profile.cipherSuites) == 1,
      certd_SSL_CTX_set1_groups_list(context, Groups.available(profile.groups).joined(separator: ":")) == 1
    else {
      SSL_CTX_free(context)
      throw ContextError("set the TLS profile")
    }
    TicketCallback.install(context)
    if let clients = data.clients {
      do throws(ContextError) { try clients.install(in: context) } catch {
        SSL_CTX_free(context)
        throw error
      }
      SSL_CTX_set_session_ticket_cb(context, nil, ContextData.acceptTicket, nil)
    }
    SSL_CTX_set_alpn_select_cb(context, ContextData.selectProtocol, nil)
    return context
  }
}
