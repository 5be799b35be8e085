public import Bytes
internal import COpenSSL

/// What is wrong with a chain that is to be presented, or will be soon. One judge for every command and the daemon.
public enum CertificateFinding: Sendable, Equatable {
  /// Its time is over since this moment.
  case expired(UnixTime)
  /// Its time has not begun.
  case notYetValid(UnixTime)
  /// Less than a sixth of its life is left, at most 30 days.
  case expiresSoon(UnixTime, secondsLeft: Int64)
  /// No root of this system has issued the last one, and its issuer is told where it could be fetched.
  case missingIntermediate(issuer: String)
  /// RSA under 2,048 bits, or a kind of key or curve that browsers do not take.
  case weakKey(String)
}

extension CertificateFinding {
  /// The share of a life at whose end a certificate expires soon.
  static let soonShare: Int64 = 6
  /// The longest time in which a certificate expires soon, in seconds.
  static let soonSeconds: Int64 = 30 * 86400

  /// What is to be said of a certificate's time.
  public static func ofTime(notBefore: UnixTime, notAfter: UnixTime, now: UnixTime) -> CertificateFinding? {
    let left = notAfter - now
    if left < 0 { return .expired(notAfter) }
    if now < notBefore { return .notYetValid(notBefore) }
    return left < min((notAfter - notBefore) / soonShare, soonSeconds)
      ? .expiresSoon(notAfter, secondsLeft: left) : nil
  }

  /// A word for machines.
  public var kind: String {
    switch self {
    case .expired: "expired"
    case .notYetValid: "not_yet_valid"
    case .expiresSoon: "expires_soon"
    case .missingIntermediate: "missing_intermediate"
    case .weakKey: "weak_key"
    }
  }
}

extension CertificateFinding: CustomStringConvertible {
  /// For people, with what to do.
  public var description: String {
    switch self {
    case .expired(let time): "it expired at \(time): clients refuse it; renew it"
    case .notYetValid(let time):
      "it is valid only from \(time): clients refuse it until then; is the clock right?"
    case .expiresSoon(let time, let left): "it expires soon, at \(time): \(Self.words(left)) left; renew it"
    case .missingIntermediate(let issuer):
      "the intermediate certificate is missing: \(issuer) has issued the last one in the file and is no root of this "
        + "system; append the issuer's certificate"
    case .weakKey(let kind):
      "its key is \(kind), which clients refuse; make a new one, ECDSA P-256 or RSA 2048"
    }
  }

  private static func words(_ seconds: Int64) -> String {
    if seconds >= 2 * 86400 { return "\(seconds / 86400) days" }
    return seconds >= 2 * 3600 ? "\(seconds / 3600) hours" : "\(max(1, seconds / 60)) minutes"
  }
}

/// Judges chains; the roots of this system are read once.
@safe public final class CertificateJudge {
  private var store: OpaquePointer?

  /// A judge with the roots that OpenSSL takes for the system's (`SSL_CERT_FILE` and `SSL_CERT_DIR` name others).
  public init() { unsafe store = nil }

  /// The system's roots, read when they are needed first.
  private func roots() -> OpaquePointer? {
    if let known = unsafe store { return unsafe known }
    unsafe store = X509_STORE_new()
    if let store = unsafe store { _ = unsafe X509_STORE_set_default_paths(store) }
    ERR_clear_error()
    return unsafe store
  }

  deinit { unsafe X509_STORE_free(store) }

  /// Everything that is found, the worst first; empty for a good chain.
  public func findings(_ chain: CertificateChain, now: UnixTime) -> [CertificateFinding] {
    let leaf = chain.leaf
    let ofTime = CertificateFinding.ofTime(notBefore: leaf.notBefore, notAfter: leaf.notAfter, now: now)
    return [ofTime].compactMap(\.self) + lastingFindings(chain)
  }

  /// What stays wrong with a chain however the time goes.
  public func lastingFindings(_ chain: CertificateChain) -> [CertificateFinding] {
    var found: [CertificateFinding] = []
    if let issuer = missingIssuer(chain) { found.append(.missingIntermediate(issuer: issuer)) }
    return found + keyFindings(chain)
  }

  /// What is wrong with the leaf's key. Needs no roots.
  public func keyFindings(_ chain: CertificateChain) -> [CertificateFinding] {
    weakness(chain.leaf).map { [.weakKey($0)] } ?? []
  }

  /// The name of the issuer that clients will miss; nil for a chain that ends where it should.
  ///
  /// A company's own root is known to its clients and not to this system: only who says where its issuer can be
  /// fetched is expected to be told it.
  public func missingIssuer(_ chain: CertificateChain) -> String? {
    let last = chain.last
    let tellsIssuer = unsafe last.withHandle { unsafe X509_get_ext_by_NID($0, NID_info_access, -1) >= 0 }
    guard tellsIssuer, !last.isSelfSigned, !isTrusted(chain) else { return nil }
    return last.issuer
  }

  /// Whether a chain leads to a root of this system, whatever the time is.
  public func isTrusted(_ chain: CertificateChain) -> Bool {
    defer { ERR_clear_error() }
    guard let store = unsafe roots(), let context = unsafe X509_STORE_CTX_new(),
      let others = unsafe certd_sk_X509_new_null()
    else {
      return true
    }
    defer {
      unsafe X509_STORE_CTX_free(context)
      unsafe certd_sk_X509_free(others)
    }
    for one in chain.intermediates { unsafe one.withHandle { _ = unsafe certd_sk_X509_push(others, $0) } }
    return unsafe chain.leaf.withHandle { leaf in
      guard unsafe X509_STORE_CTX_init(context, store, leaf, others) == 1 else { return true }
      // Times are judged by themselves.
      unsafe X509_STORE_CTX_set_flags(context, UInt(X509_V_FLAG_NO_CHECK_TIME))
      return unsafe X509_verify_cert(context) == 1
    }
  }

  private func weakness(_ leaf: Certificate) -> String? {
    let words = leaf.keyTypeDescription
    if words.hasPrefix("RSA "), let bits = Int(words.dropFirst(4)), bits < 2048 { return words }
    let known = ["RSA ", "ECDSA P-256", "ECDSA P-384", "ECDSA secp521r1"]
    return known.contains { words.hasPrefix($0) } ? nil : words
  }
}
