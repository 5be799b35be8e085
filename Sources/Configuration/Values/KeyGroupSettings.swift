public import APIKeys

/// Where the public keys of an issuer are.
public enum JWKSPlace: Sendable, Equatable {
  /// By HTTPS, or HTTP on this machine.
  case url(String)
  /// A file; absolute path.
  case file(String)
}

/// A group of keys: where they are, and what they may have together.
public struct KeyGroupSettings: Sendable, Equatable {
  /// The name that routes and commands call it by.
  public var name: String
  /// The file with one key a line; absolute path. It need not be there as long as there is no key. Nil where tokens alone stand
  /// for keys.
  public var file: Located<String>?
  /// Whose tokens stand for keys; nil for nobody's.
  public var tokens: TokenRules?
  /// Where the issuer's public keys are: a URL, or a file's absolute path; nil to ask the issuer (OpenID Connect Discovery).
  public var jwks: JWKSPlace?
  /// What all of its keys may have together.
  public var limits = KeyLimits()
  /// Where it was written.
  public var origin: Origin
}
