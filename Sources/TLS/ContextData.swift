internal import COpenSSL

/// What OpenSSL's callbacks need, owned by the SSL_CTX itself and so alive as long as any of its sessions.
final class ContextData {
  let tickets: TicketKeys
  let names: SNITable?
  let clients: ClientTrust?
  let validation: ((String) -> Credential?)?
  private let protocols: [UInt8]
  private let unreadNames: UnreadNames?

  init(
    profile: Profile, tickets: TicketKeys, names: SNITable?, clients: ClientTrust?,
    passesUnread: UnreadNames?, validation: ((String) -> Credential?)? = nil
  ) {
    self.validation = validation
    unreadNames = passesUnread
    self.tickets = tickets
    self.names = names
    self.clients = clients
    protocols = profile.applicationProtocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
  }

  private static let index = unsafe CRYPTO_get_ex_new_index(
    CRYPTO_EX_INDEX_SSL_CTX, 0, nil, nil, nil,
    { _, data, _, _, _, _ in
      if let data = unsafe data { unsafe Unmanaged<ContextData>.fromOpaque(data).release() }
    })

  func attach(to context: OpaquePointer) -> Bool {
    let reference = unsafe Unmanaged.passRetained(self)
    guard Self.index >= 0, unsafe SSL_CTX_set_ex_data(context, Self.index, reference.toOpaque()) == 1 else {
      unsafe reference.release()
      return false
    }
    return true
  }

  static func of(_ context: OpaquePointer?) -> ContextData? {
    guard let context = unsafe context, let data = unsafe SSL_CTX_get_ex_data(context, index) else {
      return nil
    }
    return unsafe Unmanaged<ContextData>.fromOpaque(data).takeUnretainedValue()
  }

  /// Whether what a client says after the handshake is somebody else's, by the server name that it asks for.
  func passesUnread(_ ssl: OpaquePointer) -> Bool {
    guard let contains = unreadNames?.contains else { return false }
    return unsafe contains(
      SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name).map { unsafe String(cString: $0) } ?? "")
  }

  /// Decides about the session of a ticket that could be opened, which OpenSSL itself would simply take.
  static let acceptTicket: SSL_CTX_decrypt_session_ticket_fn = { ssl, session, _, _, status, _ in
    guard status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW, let session = unsafe session
    else {
      return SSL_TICKET_RETURN_IGNORE_RENEW
    }
    if let ssl = unsafe ssl, let clients = unsafe ContextData.of(SSL_get_SSL_CTX(ssl))?.clients,
      unsafe !clients.stillAccepts(session)
    {
      return SSL_TICKET_RETURN_IGNORE_RENEW
    }
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW
  }

  /// Picks the first of our protocols that the client offers; without any the handshake ends (RFC 7301 §3.2).
  static let selectProtocol: SSL_CTX_alpn_select_cb_func = { ssl, out, outLength, offered, length, _ in
    guard let ssl = unsafe ssl, let out = unsafe out, let data = unsafe ContextData.of(SSL_get_SSL_CTX(ssl))
    else {
      return SSL_TLSEXT_ERR_ALERT_FATAL
    }
    if unsafe ValidationResponder.isValidation(ssl) {
      return unsafe ValidationResponder.select(out, outLength)
    }
    if unsafe data.passesUnread(ssl) { return SSL_TLSEXT_ERR_NOACK }
    let chosen = unsafe data.protocols.withUnsafeBufferPointer { ours in
      unsafe out.withMemoryRebound(to: UnsafeMutablePointer<UInt8>?.self, capacity: 1) {
        unsafe SSL_select_next_proto($0, outLength, ours.baseAddress, UInt32(ours.count), offered, length)
      }
    }
    // With no overlap SSL_select_next_proto points at our own list, which must not be answered with.
    return chosen == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL
  }
}

/// The server names (empty for none) whose connections are somebody else's to read. Contexts keep it when they are made
/// again, so that names may change without touching them. Belongs to the thread of its contexts.
public final class UnreadNames: @unchecked Sendable {
  /// Tells whether a name is one of them; nil when there are none.
  public var contains: ((String) -> Bool)?

  /// No names.
  public init() {}
}

/// Contexts by server name: exact names first, then a wildcard for the first label.
@safe final class SNITable {
  private let contexts: [OpaquePointer]
  private let byName: [String: OpaquePointer]
  /// For clients that name no server, if they are to get another one than those that name an unknown one.
  let nameless: OpaquePointer?

  /// Takes over one reference to each of `contexts`; the others are among them.
  init(contexts: [OpaquePointer], byName: [String: OpaquePointer], nameless: OpaquePointer?) {
    unsafe self.contexts = unsafe contexts
    unsafe self.byName = unsafe byName
    unsafe self.nameless = unsafe nameless
  }

  deinit { unsafe contexts.forEach { context in unsafe SSL_CTX_free(context) } }

  func find(_ serverName: String) -> OpaquePointer? {
    var name = serverName.lowercased()
    if name.hasSuffix(".") { name.removeLast() }
    if let exact = unsafe byName[name] { return unsafe exact }
    guard let dot = name.firstIndex(of: ".") else { return nil }
    return unsafe byName["*" + name[dot...]]
  }
}
