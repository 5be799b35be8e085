internal import Bytes
internal import JSON
internal import PKI
internal import Synchronization

/// Who signs tokens (JWT, RFC 7519) that stand for keys, and what is made of their claims.
public struct TokenRules: Sendable, Equatable {
  /// `iss`, exactly so.
  public var issuer: String
  /// One of `aud`.
  public var audience: String
  /// Claims that are the key's name, its models and its limits.
  public var claims = TokenClaimNames()
  /// Rules for tokens of an issuer to an audience.
  public init(issuer: String, audience: String) {
    self.issuer = issuer
    self.audience = audience
  }
}

/// Which claims say what. Those that a token lacks limit nothing.
public struct TokenClaimNames: Sendable, Equatable {
  /// Whose key it is.
  public var name = "sub"
  /// A list of models, or one text with spaces between them; nil where no claim says it.
  public var models: String?
  /// Numbers, or texts such as `200k`.
  public var requestsPerMinute: String?
  /// The same.
  public var tokensPerMinute: String?
  /// The same.
  public var tokensPerDay: String?
  /// The same.
  public var tokensPerMonth: String?
  /// The same.
  public var concurrent: String?
  /// `high`, `normal` or `low`.
  public var priority: String?
  /// `sub` and nothing else.
  public init() {}
}

/// The public keys of an issuer (JWKS, RFC 7517 §5), by their `kid`.
public struct TokenKeys: Sendable {
  private let keys: [(id: String?, key: SignatureKey)]

  /// The largest set, in bytes.
  public static let maximumBytes = 256 << 10
  /// The most keys of one set.
  static let maximumKeys = 64

  /// How many can be used.
  public var count: Int { keys.count }

  /// Reads a set. Keys that are not for signatures, or of kinds that are not known, are passed over; nil for what is no set.
  public init?(_ text: [UInt8]) {
    guard text.count <= Self.maximumBytes, let set = try? JSONValue(parsing: text),
      case .array(let entries)? = set["keys"]
    else { return nil }
    keys = entries.prefix(Self.maximumKeys).compactMap { entry in
      guard entry["use"]?.string ?? "sig" == "sig", let key = Self.key(entry) else { return nil }
      return (entry["kid"]?.string, key)
    }
  }

  private static func key(_ entry: JSONValue) -> SignatureKey? {
    func bytes(_ name: String) -> [UInt8]? { entry[name]?.string.flatMap { Base64URL.decode($0) } }
    switch (entry["kty"]?.string, entry["crv"]?.string) {
    case ("RSA", _):
      guard let n = bytes("n"), let e = bytes("e") else { return nil }
      return try? SignatureKey(modulus: n, exponent: e)
    case ("EC", "P-256"):
      guard let x = bytes("x"), let y = bytes("y") else { return nil }
      return try? SignatureKey(p256: x, y)
    case ("OKP", "Ed25519"):
      guard let x = bytes("x") else { return nil }
      return try? SignatureKey(ed25519: x)
    default: return nil
    }
  }

  /// The key of that `kid`; without one the only key.
  func find(_ id: String?) -> SignatureKey? {
    guard let id else { return keys.count == 1 ? keys[0].key : nil }
    return keys.first { $0.id == id }?.key
  }
}

/// What is made of a token that is right.
public struct TokenIdentity: Sendable {
  /// The key that it stands for, found by no hash.
  public let key: KeyRecord
  /// From when until when it is taken, in seconds since the epoch.
  public let validSeconds: Range<Int64>
}

/// Verifies tokens. Shared by all workers; its keys come from the control plane, and are asked for there when one is missing.
public final class TokenIssuer: Sendable {
  /// The rules.
  public let rules: TokenRules
  /// The group of its keys.
  public let group: String
  private let keys = Mutex<TokenKeys?>(nil)
  private let wantsKeysValue = Atomic<Bool>(true)

  /// The longest token that is looked at, in bytes.
  public static let maximumTokenBytes = 8192
  /// How much the clocks of issuer and machine may differ, in seconds.
  public static let leewaySeconds: Int64 = 30

  /// An issuer without keys so far: no token is right.
  public init(_ rules: TokenRules, group: String) {
    self.rules = rules
    self.group = group
  }

  /// Verifies by these keys from now on.
  public func adopt(_ keys: TokenKeys) {
    self.keys.withLock { $0 = keys }
    wantsKeysValue.store(false, ordering: .relaxed)
  }

  /// Verifies nothing until there are keys again.
  public func forget() {
    keys.withLock { $0 = nil }
    wantsKeysValue.store(true, ordering: .relaxed)
  }

  /// Whether a token named a key that is not known: they may be other ones by now.
  public var wantsKeys: Bool { wantsKeysValue.load(ordering: .relaxed) }

  /// What a token stands for; nil for one that is not of this issuer, not for this audience, past its time, or not rightly
  /// signed. The signature is looked at before anything that the token claims, but for whose it says it is.
  public func verify(_ token: [UInt8], nowSeconds: Int64) -> TokenIdentity? {
    guard token.count <= Self.maximumTokenBytes else { return nil }
    let parts = token.split(separator: 0x2E, omittingEmptySubsequences: false)
    guard parts.count == 3, let header = Self.object(parts[0]), let claims = Self.object(parts[1]),
      let signature = Base64URL.decode(String(decoding: parts[2], as: UTF8.self)),
      let algorithm = header["alg"]?.string.flatMap({ SignatureKey.Algorithm(rawValue: $0) }),
      // What must be understood and is not (RFC 7515 §4.1.11).
      header["crit"] == nil, claims["iss"]?.string == rules.issuer
    else { return nil }
    guard let key = keys.withLock({ $0?.find(header["kid"]?.string) }) else {
      wantsKeysValue.store(true, ordering: .relaxed)
      return nil
    }
    let signed = Array(token[..<parts[2].startIndex].dropLast())
    guard key.verifies(signature, of: signed, algorithm) else { return nil }
    return identity(claims, nowSeconds)
  }

  private func identity(_ claims: JSONValue, _ now: Int64) -> TokenIdentity? {
    let audiences = claims["aud"]?.string.map { [$0] } ?? claims["aud"]?.strings ?? []
    guard audiences.contains(rules.audience), let end = Self.seconds(claims["exp"]) else { return nil }
    let begin = claims["nbf"] == nil ? 0 : Self.seconds(claims["nbf"])
    guard let begin, now < end + Self.leewaySeconds, now + Self.leewaySeconds >= begin else { return nil }
    let names = rules.claims
    guard let name = claims[names.name]?.string, KeyRecord.isName(name) else { return nil }
    // A name of the issuer's must not be taken for the id of a key in a file.
    var key = KeyRecord(id: "jwt:\(name)", name: name, group: group, sha256: nil)
    if let claim = names.models.flatMap({ claims[$0] }) {
      let models = claim.string.map { $0.split(separator: " ").map { String($0) } } ?? claim.strings
      // A claim that names no model that could be read lets none through, not all.
      key.models = models.filter { ModelPatterns.isValid($0) }
      if key.models.isEmpty { return nil }
    }
    func count(_ name: String?) -> Int? {
      name.flatMap { claims[$0] }.flatMap { Self.count($0) }
    }
    key.limits.requestsPerMinute = count(names.requestsPerMinute)
    key.limits.tokensPerMinute = count(names.tokensPerMinute)
    key.limits.tokensPerDay = count(names.tokensPerDay)
    key.limits.tokensPerMonth = count(names.tokensPerMonth)
    key.limits.concurrent = count(names.concurrent)
    key.priority = names.priority.flatMap { claims[$0]?.string }.flatMap { KeyPriority(word: $0) } ?? .normal
    return TokenIdentity(key: key, validSeconds: begin..<max(begin, end))
  }

  private static func object(_ part: ArraySlice<UInt8>) -> JSONValue? {
    guard let bytes = Base64URL.decode(String(decoding: part, as: UTF8.self)),
      let value = try? JSONValue(parsing: bytes), case .object = value
    else { return nil }
    return value
  }

  /// A NumericDate, whole or not (RFC 7519 §2).
  private static func seconds(_ value: JSONValue?) -> Int64? {
    guard case .number(let text)? = value else { return nil }
    guard let seconds = Double(text), seconds >= 0, seconds < 1e12 else { return nil }
    return Int64(seconds)
  }

  /// A number; one that cannot be read as such is the least, never no limit.
  private static func count(_ value: JSONValue) -> Int {
    var text = value.string ?? ""
    if case .number(let number) = value { text = number }
    var factor = 1
    if text.hasSuffix("k") { factor = 1000 }
    if text.hasSuffix("M") { factor = 1_000_000 }
    if factor > 1 { text.removeLast() }
    guard let number = Int(text), number > 0, number <= KeyLimits.maximum / factor else { return 1 }
    return number * factor
  }
}
