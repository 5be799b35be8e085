internal import COpenSSL
package import TLS
internal import TestSupport

/// A client in memory made of OpenSSL alone, for what our own client never does: old versions and suites,
/// renegotiation, resumption, early data. Every flight can be held back or sent twice. It verifies nothing.
package final class RawClient {
  /// A session that may be resumed.
  package final class Ticket {
    fileprivate let session: OpaquePointer
    fileprivate init(_ session: OpaquePointer) { self.session = session }
    deinit { SSL_SESSION_free(session) }
    /// How much early data it allows, in bytes.
    package var allowance: Int { Int(SSL_SESSION_get_max_early_data(session)) }
  }

  private let context: OpaquePointer
  private let ssl: OpaquePointer
  private let input: OpaquePointer
  private let output: OpaquePointer
  /// Whether our side of the handshake is over.
  package private(set) var isComplete = false
  /// What the server has sent, decrypted.
  package private(set) var received: [UInt8] = []
  /// Whether the server has taken the early data.
  package var wasEarly: Bool { SSL_get_early_data_status(ssl) == SSL_EARLY_DATA_ACCEPTED }

  /// What it asks for.
  package struct Offer {
    var maximum: Int32
    var ciphers: String?
    var host: String?
    var protocols: [String]
    var session: Ticket?
    var credential: Credential?
    var groups: String?
    var signatures: String?

    package init(
      maximum: Int32 = TLS1_3_VERSION, ciphers: String? = nil, host: String? = "a.example",
      protocols: [String] = [], session: Ticket? = nil, credential: Credential? = nil, groups: String? = nil,
      signatures: String? = nil
    ) {
      self.maximum = maximum
      self.ciphers = ciphers
      self.host = host
      self.protocols = protocols
      self.session = session
      self.credential = credential
      self.groups = groups
      self.signatures = signatures
    }
  }

  /// A client; nil when memory is out, or OpenSSL does not know what is offered.
  package init?(_ offer: Offer = Offer()) {
    guard let context = SSL_CTX_new(TLS_client_method()) else { return nil }
    // Security level 0 lets even TLS 1.1 be offered.
    SSL_CTX_set_security_level(context, 0)
    certd_SSL_CTX_set_min_proto_version(context, TLS1_VERSION)
    certd_SSL_CTX_set_max_proto_version(context, offer.maximum)
    if let ciphers = offer.ciphers { SSL_CTX_set_cipher_list(context, ciphers) }
    let knowsGroups = offer.groups.map { certd_SSL_CTX_set1_groups_list(context, $0) == 1 } ?? true
    if let list = offer.signatures, certd_SSL_CTX_set1_sigalgs_list(context, list) != 1 {
      SSL_CTX_free(context)
      return nil
    }
    guard knowsGroups, offer.credential.map({ Self.load($0, into: context) }) ?? true else {
      ERR_clear_error()
      SSL_CTX_free(context)
      return nil
    }
    let wire = offer.protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
    if !wire.isEmpty { SSL_CTX_set_alpn_protos(context, wire, UInt32(wire.count)) }
    guard let ssl = SSL_new(context), let input = BIO_new(BIO_s_mem()), let output = BIO_new(BIO_s_mem())
    else {
      SSL_CTX_free(context)
      return nil
    }
    SSL_set_bio(ssl, input, output)
    SSL_set_connect_state(ssl)
    if let host = offer.host { _ = certd_SSL_set_tlsext_host_name(ssl, host) }
    if let session = offer.session { SSL_set_session(ssl, session.session) }
    self.context = context
    self.ssl = ssl
    self.input = input
    self.output = output
  }

  private static func load(_ credential: Credential, into context: OpaquePointer) -> Bool {
    for (index, der) in credential.chain.enumerated() {
      var at: UnsafePointer<UInt8>?
      let certificate = der.withUnsafeBufferPointer { buffer in
        at = buffer.baseAddress
        return d2i_X509(nil, &at, buffer.count)
      }
      defer { X509_free(certificate) }
      if index == 0 {
        SSL_CTX_use_certificate(context, certificate)
      } else {
        _ = certd_SSL_CTX_add1_chain_cert(context, certificate)
      }
    }
    let bio = BIO_new_mem_buf(credential.privateKeyPEM, Int32(credential.privateKeyPEM.count))
    defer { BIO_free(bio) }
    let key = PEM_read_bio_PrivateKey(bio, nil, nil, nil)
    defer { EVP_PKEY_free(key) }
    return SSL_CTX_use_PrivateKey(context, key) == 1
  }

  deinit {
    // OpenSSL resumes no session of a connection that was not shut down.
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
    SSL_free(ssl)
    SSL_CTX_free(context)
  }

  /// The first flight, with early data behind it.
  package func begin(early text: String = "") -> [UInt8] {
    if text.isEmpty { return feed([]) }
    var written = 0
    let bytes = latin1(text)
    SSL_write_early_data(ssl, bytes, bytes.count, &written)
    ERR_clear_error()
    return sent()
  }

  /// Goes on with the handshake, or reads when it is over; answers what is to be sent.
  package func feed(_ bytes: [UInt8]) -> [UInt8] {
    if !bytes.isEmpty { BIO_write(input, bytes, Int32(bytes.count)) }
    if !isComplete { isComplete = SSL_do_handshake(ssl) == 1 && SSL_is_init_finished(ssl) == 1 }
    var buffer = [UInt8](repeating: 0, count: 16_384)
    while isComplete {
      let n = SSL_read(ssl, &buffer, Int32(buffer.count))
      guard n > 0 else { break }
      received += buffer[..<Int(n)]
    }
    ERR_clear_error()
    return sent()
  }

  /// Asks for a renegotiation, or tells that OpenSSL does not even try.
  package func renegotiate() -> [UInt8] {
    isComplete = false
    guard SSL_renegotiate(ssl) == 1 else { return [] }
    return feed([])
  }

  /// Encrypts a text after the handshake.
  package func write(_ text: String) -> [UInt8] {
    let bytes = latin1(text)
    SSL_write(ssl, bytes, Int32(bytes.count))
    return sent()
  }

  private func sent() -> [UInt8] {
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16_384)
    while true {
      let n = BIO_read(output, &buffer, Int32(buffer.count))
      if n <= 0 { return all }
      all += buffer[..<Int(n)]
    }
  }

  /// Meets a server; answers whether both completed.
  package func meet(_ server: Peer) -> Bool {
    var toServer = feed([])
    for _ in 0..<10 {
      if !toServer.isEmpty {
        if server.step == .wantRead { server.handshake(toServer) } else { _ = server.read(toServer) }
      }
      let toClient = server.take()
      if toClient.isEmpty, isComplete { break }
      toServer = feed(toClient)
      if toServer.isEmpty, toClient.isEmpty { break }
    }
    return isComplete && server.step == .complete
  }

  /// The session of the last ticket.
  package func ticket() -> Ticket? { SSL_get1_session(ssl).map(Ticket.init) }

  package var wasResumed: Bool { certd_SSL_session_reused(ssl) == 1 }

  /// OpenSSL's name of the agreed suite.
  package var cipher: String { SSL_get_cipher_name(ssl) ?? "" }

  /// The server's certificate as DER.
  package var leaf: [UInt8] {
    guard let chain = SSL_get_peer_cert_chain(ssl), let first = certd_sk_X509_value(chain, 0) else {
      return []
    }
    var der: UnsafeMutablePointer<UInt8>?
    let count = i2d_X509(first, &der)
    guard count > 0, let der else { return [] }
    defer { certd_OPENSSL_free(der) }
    return Array(UnsafeBufferPointer(start: der, count: Int(count)))
  }

  private func SSL_get_cipher_name(_ ssl: OpaquePointer) -> String? {
    SSL_get_current_cipher(ssl).flatMap { SSL_CIPHER_get_name($0) }.map { String(cString: $0) }
  }
}
