internal import COpenSSL

/// What a listener presents: a profile, ticket keys, and certificates chosen by server name (RFC 6066 §3), and where
/// one name has several with keys of different kinds, by what the client can verify; and what it asks of its clients.
///
/// A session is resumed only where it could have begun: under the same profile, and with the same demands on the
/// client's certificate, which is verified again at each resumption.
///
/// A context is made on any thread and belongs to one worker thread from then on. Sessions keep what they need of it
/// alive: it may be replaced and dropped while they live on, which is how a renewed certificate is swapped in without
/// touching a connection.
@safe public final class ServerContext: @unchecked Sendable {
  let handle: OpaquePointer
  let acceptsEarlyData: Bool
  private let demands: Demands
  private let trust: ClientTrust?
  /// The contexts of certificates that stand in for each other, kept alive by the table of names.
  private let groups: [[Credential]: OpaquePointer]
  /// How many of them were loaded for this context, the others being taken over; for tests.
  package let loadedGroups: Int

  /// What all parts of a context have in common beside its certificates.
  private struct Demands: Equatable {
    let profile: Profile
    let tickets: ObjectIdentifier
    let clients: ClientVerification?
    let unread: ObjectIdentifier?
    let earlyData: Bool
  }

  /// The most early data of one client, in bytes.
  public static let maximumEarlyDataBytes = 16 * 1024

  /// Makes a context. The first credential answers clients that name an unknown server, and those that name none
  /// unless another one speaks for an IP address: whoever connects to an address names no server (RFC 6066 §3). With
  /// none at all every handshake is refused. Of the credentials for a name the first one of each kind of key is
  /// presented, as the client's signature algorithms allow, ECDSA before RSA. Without `clients` no certificate is asked of clients. Where `passesUnread` says
  /// so of a server name no application protocol is agreed on, whatever the client offers.
  /// With `earlyData` sessions are stepped as `Session.awaitsEarlyData` says; it is never taken twice, nor for a name
  /// that passes unread. `validation` gives the certificate that answers a CA's TLS-ALPN-01 (RFC 8737) for a server name,
  /// or nil; such connections must be closed when their handshake is over. What `previous` has of the same certificates
  /// under the same demands is taken from it instead of being loaded again. Throws `ContextError` naming what does not
  /// load.
  public init(
    credentials: [Credential], profile: Profile, tickets: TicketKeys, clients: ClientVerification? = nil,
    passesUnread: UnreadNames? = nil, earlyData: Bool = false,
    validation: ((String) -> Credential?)? = nil, reusing previous: ServerContext? = nil
  ) throws(ContextError) {
    acceptsEarlyData = earlyData
    let demands = Demands(
      profile: profile, tickets: ObjectIdentifier(tickets), clients: clients,
      unread: passesUnread.map { ObjectIdentifier($0) }, earlyData: earlyData)
    self.demands = demands
    let kept = previous?.demands == demands ? previous : nil
    var trust = kept?.trust
    if trust == nil, let clients { trust = try ClientTrust(clients) }
    let scope = Self.scope(profile, clients)
    func make(_ names: SNITable?) throws(ContextError) -> OpaquePointer {
      let data = ContextData(
        profile: profile, tickets: tickets, names: names, clients: trust, passesUnread: passesUnread,
        validation: validation)
      let context = try unsafe Self.make(profile, data, scope)
      if earlyData { unsafe EarlyData.install(in: context) }
      return unsafe context
    }
    let pairing = Pairing(credentials)
    var contexts: [[Int]: OpaquePointer] = unsafe [:]
    var owned: [OpaquePointer] = unsafe []
    var byCredentials: [[Credential]: OpaquePointer] = unsafe [:]
    var loaded = 0
    do throws(ContextError) {
      for group in pairing.groups {
        let members = group.map { credentials[$0] }
        let context: OpaquePointer
        if let known = unsafe kept?.groups[members], unsafe SSL_CTX_up_ref(known) == 1 {
          unsafe context = unsafe known
          unsafe owned.append(context)
        } else {
          unsafe context = try unsafe make(nil)
          unsafe owned.append(context)
          for credential in members { try unsafe credential.load(into: context) }
          loaded += 1
        }
        unsafe contexts[group] = unsafe context
        unsafe byCredentials[members] = unsafe context
      }
      let names = unsafe SNITable(
        contexts: owned, byName: pairing.byName.compactMapValues { unsafe contexts[$0] },
        nameless: unsafe pairing.nameless.flatMap { unsafe contexts[$0] })
      unsafe owned = unsafe []
      unsafe handle = try unsafe make(names)
      for index in pairing.first { try unsafe credentials[index].load(into: handle) }
    } catch {
      unsafe owned.forEach { context in unsafe SSL_CTX_free(context) }
      throw error
    }
    unsafe groups = unsafe byCredentials
    loadedGroups = loaded
    self.trust = trust
    if validation != nil { unsafe ValidationResponder.install(in: handle) }
    unsafe Self.chooseByServerName(handle)
  }

  deinit { unsafe SSL_CTX_free(handle) }

  private static func chooseByServerName(_ handle: OpaquePointer) {
    unsafe certd_SSL_CTX_set_servername_callback(handle) { ssl, _, _ in
      guard let ssl = unsafe ssl, unsafe !ValidationResponder.isValidation(ssl),
        let names = unsafe ContextData.of(SSL_get_SSL_CTX(ssl))?.names
      else { return SSL_TLSEXT_ERR_NOACK }
      guard let name = unsafe SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) else {
        if let context = unsafe names.nameless { unsafe SSL_set_SSL_CTX(ssl, context) }
        return SSL_TLSEXT_ERR_NOACK
      }
      guard let context = unsafe names.find(String(cString: name)) else { return SSL_TLSEXT_ERR_NOACK }
      unsafe SSL_set_SSL_CTX(ssl, context)
      return SSL_TLSEXT_ERR_OK
    }
  }

  /// Tickets are good within one scope only (RFC 8446 §4.6.1: what was decided about the client must still hold).
  private static func scope(_ profile: Profile, _ clients: ClientVerification?) -> [UInt8] {
    let text = profile.fingerprint + (clients.map { [1] + $0.fingerprint } ?? [0])
    var digest = [UInt8](repeating: 0, count: Int(SSL_MAX_SID_CTX_LENGTH))
    guard unsafe EVP_Digest(text, text.count, &digest, nil, EVP_sha256(), nil) == 1 else { return [] }
    return digest
  }

  private static func make(
    _ profile: Profile, _ data: ContextData, _ scope: [UInt8]
  ) throws(ContextError) -> OpaquePointer {
    guard let context = unsafe SSL_CTX_new(TLS_server_method()) else {
      throw ContextError("create a TLS context")
    }
    guard unsafe data.attach(to: context) else {
      unsafe SSL_CTX_free(context)
      throw ContextError("create a TLS context")
    }
    unsafe certd_SSL_CTX_set_min_proto_version(context, profile.allowsTLS12 ? TLS1_2_VERSION : TLS1_3_VERSION)
    unsafe SSL_CTX_set_options(context, certd_SSL_OP_SERVER)
    unsafe certd_SSL_CTX_set_mode(
      context,
      Int(SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER))
    unsafe certd_SSL_CTX_set_session_cache_mode(context, Int(SSL_SESS_CACHE_OFF))
    unsafe SSL_CTX_set_num_tickets(context, 1)
    unsafe SSL_CTX_set_timeout(context, Int(TicketKeys.rotationSeconds) * 2)
    guard unsafe SSL_CTX_set_session_id_context(context, scope, UInt32(scope.count)) == 1, !scope.isEmpty,
      unsafe SSL_CTX_set_cipher_list(context, profile.cipherList) == 1,
      unsafe SSL_CTX_set_ciphersuites(context, profile.cipherSuites) == 1,
      unsafe certd_SSL_CTX_set1_groups_list(context, Groups.available(profile.groups).joined(separator: ":"))
        == 1
    else {
      unsafe SSL_CTX_free(context)
      throw ContextError("set the TLS profile")
    }
    unsafe TicketCallback.install(context)
    if let clients = data.clients {
      do throws(ContextError) { try unsafe clients.install(in: context) } catch {
        unsafe SSL_CTX_free(context)
        throw error
      }
      unsafe SSL_CTX_set_session_ticket_cb(context, nil, ContextData.acceptTicket, nil)
    }
    unsafe SSL_CTX_set_alpn_select_cb(context, ContextData.selectProtocol, nil)
    return unsafe context
  }
}
