/// What a server asks of its clients' certificates: who may have issued them, and which are revoked.
///
/// A certificate that is shown must lead to one of the authorities, be valid now, and be meant for clients; without
/// that the handshake fails. Every certificate among the authorities is trusted by itself, an intermediate as well.
/// With revocation lists the issuer of a client's certificate must have a current one: a missing or expired list
/// refuses its clients, because nobody can tell which of them are revoked. Authorities above the issuer are held
/// against the lists that there are.
public struct ClientVerification: Sendable, Equatable {
  /// Whether a client may come without a certificate.
  public enum Mode: UInt8, Sendable {
    /// It is asked for one and let in without; one that does not verify is refused.
    case request
    /// It is refused without one.
    case require
  }

  /// Whether a client may come without a certificate.
  public var mode: Mode
  /// PEM texts of the certification authorities, one or more each.
  public var authoritiesPEM: [[UInt8]]
  /// Revocation lists as PEM, one or more each, or one each as DER.
  public var revocationLists: [[UInt8]]

  /// The names of so many authorities are told to clients (RFC 8446 §4.2.4); of more none is, to keep the
  /// handshake small, and clients choose by themselves.
  public static let maximumToldAuthorities = 100

  /// What to ask; whether the parts parse and fit is found out when a context is made of it, or by `inspect`.
  public init(mode: Mode, authoritiesPEM: [[UInt8]], revocationLists: [[UInt8]] = []) {
    self.mode = mode
    self.authoritiesPEM = authoritiesPEM
    self.revocationLists = revocationLists
  }

  /// Reads all parts as a server would. Throws `ContextError` when one does not parse, or when a revocation list
  /// is by none of the authorities; answers what works but will refuse clients, in words.
  public func inspect() throws(ContextError) -> [String] { try ClientTrust(self).warnings }

  /// What sessions verified by it have in common.
  var fingerprint: [UInt8] {
    var all = [mode.rawValue]
    for part in authoritiesPEM + revocationLists { all += Array("\(part.count) ".utf8) + part }
    return all
  }
}
