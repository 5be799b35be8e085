internal import COpenSSL

/// How we connect to others: which roots are trusted, and that the peer's certificate must be for the host.
///
/// Belongs to one thread.
@safe public final class ClientContext: @unchecked Sendable {
  /// Which certificates are trusted.
  public struct Trust: Sendable, Hashable {
    /// The system's roots.
    public var system: Bool
    /// Further roots as PEM, one or more each.
    public var extraPEM: [[UInt8]]
    /// False accepts any certificate: to be said explicitly, never a default.
    public var verifies: Bool

    /// What to trust; by default the system's roots.
    public init(system: Bool = true, extraPEM: [[UInt8]] = [], verifies: Bool = true) {
      self.system = system
      self.extraPEM = extraPEM
      self.verifies = verifies
    }
  }

  /// Which kind of key a peer may prove itself by.
  public enum PeerKey: Sendable, Equatable {
    /// Whichever it has.
    case any
    /// ECDSA only.
    case ecdsa
    /// RSA only.
    case rsa

    fileprivate var signatureAlgorithms: String? {
      switch self {
      case .any: nil
      case .ecdsa: "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512"
      case .rsa: "RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512"
      }
    }
  }

  let handle: OpaquePointer
  private let serverName: String?

  /// Makes a context. `serverName` replaces the host in SNI and in the check of the peer's certificate; `identity`
  /// is shown to a peer that asks who we are; `accepts` tells which kind of leaf the peer may present. Throws `ContextError` when a root or the identity does not load.
  public init(
    trust: Trust = Trust(), serverName: String? = nil, applicationProtocols: [String] = ["http/1.1"],
    identity: Credential? = nil, accepts: PeerKey = .any
  ) throws(ContextError) {
    guard let context = unsafe SSL_CTX_new(TLS_client_method()) else {
      throw ContextError("create a TLS context")
    }
    do throws(ContextError) {
      try unsafe Self.configure(context, trust, applicationProtocols)
      if let identity { try unsafe identity.load(into: context) }
      if let list = accepts.signatureAlgorithms, unsafe certd_SSL_CTX_set1_sigalgs_list(context, list) != 1 {
        throw ContextError("set the signature algorithms")
      }
    } catch {
      unsafe SSL_CTX_free(context)
      throw error
    }
    unsafe handle = unsafe context
    self.serverName = serverName
  }

  deinit { unsafe SSL_CTX_free(handle) }

  private static func configure(
    _ context: OpaquePointer, _ trust: Trust, _ applicationProtocols: [String]
  ) throws(ContextError) {
    unsafe certd_SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION)
    unsafe SSL_CTX_set_options(context, certd_SSL_OP_CLIENT)
    unsafe certd_SSL_CTX_set_mode(
      context, Int(SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER))
    unsafe certd_SSL_CTX_set_session_cache_mode(context, Int(SSL_SESS_CACHE_OFF))
    unsafe SSL_CTX_set_verify(context, trust.verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nil)
    if trust.verifies, trust.system, unsafe SSL_CTX_set_default_verify_paths(context) != 1 {
      throw ContextError("load the system's trusted roots")
    }
    for pem in trust.extraPEM { try unsafe addRoots(pem, to: context) }
    let wire = applicationProtocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
    guard unsafe wire.isEmpty || SSL_CTX_set_alpn_protos(context, wire, UInt32(wire.count)) == 0 else {
      throw ContextError("set the application protocols")
    }
  }

  private static func addRoots(_ pem: [UInt8], to context: OpaquePointer) throws(ContextError) {
    let bio = unsafe BIO_new_mem_buf(pem, Int32(truncatingIfNeeded: pem.count))
    defer { unsafe BIO_free(bio) }
    let store = unsafe SSL_CTX_get_cert_store(context)
    var count = 0
    while let root = unsafe PEM_read_bio_X509(bio, nil, { _, _, _, _ in -1 }, nil) {
      defer { unsafe X509_free(root) }
      guard unsafe X509_STORE_add_cert(store, root) == 1 else { throw ContextError("add a trusted root") }
      count += 1
    }
    Failure.clear()
    guard count > 0 else { throw ContextError("read the trusted roots", "no PEM certificate found") }
  }

  /// Tells a session whom it talks to: SNI for names only (RFC 6066 §3), and the identity to be verified (RFC 9525).
  func prepare(_ ssl: OpaquePointer, host: String) -> Bool {
    var name = serverName ?? host
    // A fully qualified name's last dot has no place in SNI (RFC 6066 §3) nor in certificates.
    if name.hasSuffix("."), name.count > 1 { name.removeLast() }
    if name.contains(":") || name.allSatisfy({ $0 == "." || $0.isNumber }) {
      return unsafe X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1
    }
    unsafe SSL_set_hostflags(ssl, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
    return unsafe certd_SSL_set_tlsext_host_name(ssl, name) == 1 && SSL_set1_host(ssl, name) == 1
  }
}
