public import Bytes
public import CertStore
import PKI

/// What a decision needs to know of a certificate that is in the store.
public struct HeldCertificate: Sendable, Equatable {
  /// The identifiers that were asked for, canonical text.
  public var identifiers: Set<String>
  /// Whether they are only known from the leaf: a CA may have added some.
  public var isRebuilt: Bool
  /// The raw value of its `KeyType`; nil for another kind.
  public var keyType: String?
  /// Who issued it; nil when unknown.
  public var issuer: String?
  /// The first moment of its validity.
  public var notBefore: UnixTime
  /// The last moment of its validity.
  public var notAfter: UnixTime
  /// Its name for renewal information (RFC 9773 §4.1), if it has one.
  public var certificateID: String?
  /// Whether its issuer would still stand by it: a local CA may have another root now.
  public var isStale: Bool
  /// When it was obtained; nil when nobody has noted it.
  public var obtainedAt: UnixTime?
  /// Whether others may have its key.
  public var isCompromised = false

  /// A certificate known by its parts.
  public init(
    identifiers: Set<String>, isRebuilt: Bool = false, keyType: String?, issuer: String?, notBefore: UnixTime,
    notAfter: UnixTime, certificateID: String? = nil, isStale: Bool = false
  ) {
    self.identifiers = identifiers
    self.isRebuilt = isRebuilt
    self.keyType = keyType
    self.issuer = issuer
    self.notBefore = notBefore
    self.notAfter = notAfter
    self.certificateID = certificateID
    self.isStale = isStale
  }

  /// How long it lives, in seconds: from when it was obtained, since CAs let certificates begin earlier than that.
  var lifetimeSeconds: Int64 {
    var start = notBefore
    if let obtainedAt, obtainedAt > notBefore, obtainedAt - notBefore <= Policy.longestBackdatingSeconds {
      start = obtainedAt
    }
    return max(0, notAfter - start)
  }

  /// What a stored certificate tells.
  public init(_ stored: StoredCertificate, isStale: Bool = false) {
    let leaf = stored.chain.leaf
    self.init(
      identifiers: Set(stored.meta.identifiers), isRebuilt: stored.meta.storedAt == nil,
      keyType: stored.meta.keyType, issuer: stored.meta.issuer, notBefore: leaf.notBefore,
      notAfter: leaf.notAfter, certificateID: leaf.ariCertID, isStale: isStale)
    obtainedAt = stored.meta.storedAt
  }
}
