// TLS: OpenSSL behind values: contexts, sessions without sockets, tickets, clients' certificates.
//
// It does not read or write sockets, files or a clock. It promises that errors of one session never show in another, and that
// a context that is replaced serves its sessions to their end.

internal import COpenSSL
#if canImport(Glibc)
  internal import Glibc
#endif

/// One TLS connection. It knows no socket and no event loop: it consumes the pipe's input and appends to its output.
///
/// A plain handle: whoever created it calls `free` exactly once.
@safe public struct Session: BitwiseCopyable, @unchecked Sendable {
  let ssl: OpaquePointer

  /// How a step ended.
  public enum Step: Sendable, Equatable {
    /// The handshake is over.
    case complete
    /// More input is needed.
    case wantRead
    /// The output has no room: send it first.
    case wantWrite
    /// The peer has ended the connection properly.
    case closed
    /// Nothing can be done with this session any more; `Failure.take` tells why.
    case failed
  }

  /// What a read gave: more than zero bytes, or why there are none.
  public enum ReadResult: Sendable, Equatable {
    case bytes(Int)
    case wantRead
    case closed
    case failed
  }

  /// A server's side of a connection over a pipe; nil when memory is out.
  public init?(server context: ServerContext, pipe: borrowing RecordPipe) {
    unsafe self.init(context.handle, pipe)
    unsafe SSL_set_accept_state(ssl)
    if context.acceptsEarlyData { expectEarlyData() }
  }

  /// A client's side towards `host`: SNI for a name, and the peer's certificate must be for it.
  public init?(client context: ClientContext, host: String, pipe: borrowing RecordPipe) {
    unsafe self.init(context.handle, pipe)
    unsafe SSL_set_connect_state(ssl)
    guard unsafe context.prepare(ssl, host: host) else {
      unsafe SSL_free(ssl)
      return nil
    }
  }

  private init?(_ context: OpaquePointer, _ pipe: borrowing RecordPipe) {
    guard let method = unsafe PipeBIO.method, let ssl = unsafe SSL_new(context) else { return nil }
    guard let bio = unsafe BIO_new(method) else {
      unsafe SSL_free(ssl)
      return nil
    }
    unsafe BIO_set_data(bio, pipe.state)
    unsafe SSL_set_bio(ssl, bio, bio)
    unsafe self.ssl = unsafe ssl
  }

  /// Goes on with the handshake.
  public func handshake() -> Step {
    let n = unsafe SSL_do_handshake(ssl)
    return n == 1 ? .complete : step(n)
  }

  /// Decrypts at most `capacity` bytes.
  public func read(into buffer: UnsafeMutableRawPointer, capacity: Int) -> ReadResult {
    let n = unsafe SSL_read(ssl, buffer, Int32(truncatingIfNeeded: min(capacity, 1 << 20)))
    if n > 0 { return .bytes(Int(n)) }
    switch step(n) {
    case .complete, .wantRead, .wantWrite: return .wantRead
    case .closed: return .closed
    case .failed: return .failed
    }
  }

  /// Encrypts all of the bytes into the output, at most `maximumWrite` at once.
  public func write(_ bytes: UnsafeRawPointer, _ count: Int) -> Bool {
    if writesEarly { return unsafe writeEarly(bytes, count) }
    let n = unsafe SSL_write(ssl, bytes, Int32(truncatingIfNeeded: count))
    return n == count
  }

  /// The most that one `write` may be given with an empty output, in bytes.
  public static let maximumWrite = 64 * 1024

  /// Appends a close notification (RFC 8446 §6.1).
  public func shutdown() {
    if unsafe SSL_shutdown(ssl) < 0 { Failure.clear() }
  }

  /// Whether the peer's close notification has been read.
  public var peerHasClosed: Bool { unsafe SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN != 0 }

  /// Whether decrypted bytes are left from the last record.
  public var hasPending: Bool { unsafe SSL_pending(ssl) > 0 }

  /// Frees the session without saying anything to the peer.
  public func free() { unsafe SSL_free(ssl) }

  /// `TLSv1.3` and the like; static text.
  public var version: StaticVersion {
    switch unsafe SSL_version(ssl) {
    case TLS1_3_VERSION: .tls13
    case TLS1_2_VERSION: .tls12
    default: .unknown
    }
  }

  /// The protocol version of a finished handshake.
  public enum StaticVersion: UInt8, Sendable { case unknown, tls12, tls13 }

  /// The server name that the client has asked for (RFC 6066 §3), valid during the call only; empty when none.
  public func withServerName<R>(_ body: (UnsafePointer<UInt8>, Int) -> R) -> R {
    guard let name = unsafe SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) else {
      let none: StaticString = ""
      return unsafe body(none.utf8Start, 0)
    }
    // As many as the client sent, which need not be UTF-8.
    let count = unsafe strlen(name)
    return unsafe name.withMemoryRebound(to: UInt8.self, capacity: count) { unsafe body($0, count) }
  }

  /// Whether an earlier session was resumed.
  public var wasResumed: Bool { unsafe certd_SSL_session_reused(ssl) == 1 }

  /// The protocol chosen by ALPN (RFC 7301).
  public var applicationProtocol: ApplicationProtocol {
    var name: UnsafePointer<UInt8>?
    var length: UInt32 = 0
    unsafe SSL_get0_alpn_selected(ssl, &name, &length)
    guard let name = unsafe name else { return .none }
    if length == 2, unsafe name[0] == 0x68, unsafe name[1] == 0x32 { return .http2 }
    if unsafe ValidationResponder.isValidation(ssl) { return .acmeValidation }
    return length == 8 ? .http11 : .none
  }

  /// The peer's certificate chain as DER, leaf first; empty when it sent none.
  public var peerChain: [[UInt8]] {
    guard let chain = unsafe SSL_get_peer_cert_chain(ssl) else { return [] }
    return unsafe (0..<certd_sk_X509_num(chain)).compactMap { index in
      guard let certificate = unsafe certd_sk_X509_value(chain, index) else { return nil }
      var der: UnsafeMutablePointer<UInt8>?
      let length = unsafe i2d_X509(certificate, &der)
      guard length > 0, let der = unsafe der else { return nil }
      defer { unsafe certd_OPENSSL_free(der) }
      return unsafe Array(UnsafeBufferPointer(start: der, count: Int(length)))
    }
  }

  private func step(_ result: Int32) -> Step {
    switch unsafe SSL_get_error(ssl, result) {
    case SSL_ERROR_WANT_READ: return .wantRead
    case SSL_ERROR_WANT_WRITE: return .wantWrite
    case SSL_ERROR_ZERO_RETURN: return .closed
    default: return .failed
    }
  }
}

/// What ALPN agreed on.
public enum ApplicationProtocol: UInt8, Sendable {
  case none, http11, http2
  /// A CA validates a name (RFC 8737): nothing follows.
  case acmeValidation
}
