internal import Bytes

/// The issuers of tokens that a route takes, and what the keys that tokens stand for have used.
public final class TokenDoor: Sendable {
  /// An issuer, and what all of its keys may have together.
  public struct Entry: Sendable {
    let issuer: TokenIssuer
    let limits: KeyLimits

    /// An issuer with the limits of its group.
    public init(_ issuer: TokenIssuer, _ limits: KeyLimits) {
      self.issuer = issuer
      self.limits = limits
    }
  }

  private let entries: [Entry]
  private let usages: KeyUsages

  /// A door for tokens of some issuers.
  public init(_ entries: [Entry], _ usages: KeyUsages) {
    self.entries = entries
    self.usages = usages
  }

  /// Whether a text may be a token at all: three parts with dots between (RFC 7515 §7.1).
  public static func mayBeToken(_ text: UnsafeRawBufferPointer) -> Bool {
    guard text.count >= 32, text.count <= TokenIssuer.maximumTokenBytes else { return false }
    var dots = 0
    for i in 0..<text.count where unsafe text[i] == 0x2E { dots += 1 }
    return dots == 2
  }

  /// The key that a token stands for, in a ring of its own, where it is found by the token's hash; nil for one that is not right.
  public func open(_ token: [UInt8], hash: [UInt8], nowSeconds: Int64) -> KeyRing? {
    for entry in entries {
      guard let found = entry.issuer.verify(token, nowSeconds: nowSeconds) else { continue }
      var key = found.key
      key.sha256 = Hex.encode(hash)
      key.expires = UnixTime(seconds: found.validSeconds.upperBound + TokenIssuer.leewaySeconds)
      let group = KeyGroup(name: entry.issuer.group, limits: entry.limits, keys: [key])
      return KeyRing([group]) { usages.usage(.init(group: $0, id: $1)) }
    }
    return nil
  }
}
