import COpenSSL

/// A TLS 1.3 client in memory that sends early data, and whose every flight can be held back or sent twice. It
/// verifies nothing.
public final class EarlyClient {
  /// A session that may be resumed.
  public final class Ticket {
    fileprivate let session: OpaquePointer
    fileprivate init(_ session: OpaquePointer) { self.session = session }
    deinit { SSL_SESSION_free(session) }
    /// How much early data it allows, in bytes.
    public var allowance: Int { Int(SSL_SESSION_get_max_early_data(session)) }
  }

  private let context: OpaquePointer
  private let ssl: OpaquePointer
  private let input: OpaquePointer
  private let output: OpaquePointer
  /// What the server has sent, decrypted.
  public private(set) var received: [UInt8] = []
  /// Whether our side of the handshake is over.
  public var isComplete: Bool { SSL_is_init_finished(ssl) == 1 }
  /// Whether the server has taken the early data.
  public var wasEarly: Bool { SSL_get_early_data_status(ssl) == SSL_EARLY_DATA_ACCEPTED }

  /// A client for `localhost`; nil when memory is out.
  public init?(_ ticket: Ticket? = nil, protocols: [String] = []) {
    guard let context = SSL_CTX_new(TLS_client_method()), let ssl = SSL_new(context),
      let input = BIO_new(BIO_s_mem()), let output = BIO_new(BIO_s_mem())
    else { return nil }
    SSL_set_bio(ssl, input, output)
    SSL_set_connect_state(ssl)
    _ = certd_SSL_set_tlsext_host_name(ssl, "localhost")
    let wire = protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
    if !wire.isEmpty { SSL_set_alpn_protos(ssl, wire, UInt32(wire.count)) }
    if let ticket { SSL_set_session(ssl, ticket.session) }
    (self.context, self.ssl, self.input, self.output) = (context, ssl, input, output)
  }

  deinit {
    // OpenSSL resumes no session of a connection that was not shut down.
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
    SSL_free(ssl)
    SSL_CTX_free(context)
  }

  /// The first flight, with early data behind it.
  public func begin(early text: String = "") -> [UInt8] {
    if text.isEmpty {
      SSL_do_handshake(ssl)
    } else {
      var written = 0
      SSL_write_early_data(ssl, latin1(text), text.unicodeScalars.count, &written)
    }
    ERR_clear_error()
    return sent()
  }

  /// Takes in what the server sent; answers what there is to send.
  public func feed(_ bytes: [UInt8]) -> [UInt8] {
    if !bytes.isEmpty { BIO_write(input, bytes, Int32(bytes.count)) }
    if !isComplete { SSL_do_handshake(ssl) }
    var buffer = [UInt8](repeating: 0, count: 16_384)
    while isComplete {
      let n = SSL_read(ssl, &buffer, Int32(buffer.count))
      guard n > 0 else { break }
      received += buffer[..<Int(n)]
    }
    ERR_clear_error()
    return sent()
  }

  /// Encrypts a text after the handshake.
  public func write(_ text: String) -> [UInt8] {
    SSL_write(ssl, latin1(text), Int32(text.unicodeScalars.count))
    return sent()
  }

  /// The session of the last ticket.
  public func ticket() -> Ticket? { SSL_get1_session(ssl).map(Ticket.init) }

  private func sent() -> [UInt8] {
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16_384)
    while true {
      let n = BIO_read(output, &buffer, Int32(buffer.count))
      if n <= 0 { return all }
      all += buffer[..<Int(n)]
    }
  }
}
