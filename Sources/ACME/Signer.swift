public import PKI

/// The account key as the engine sees it: a key that may live elsewhere.
public protocol Signer: Sendable {
  /// The JWS algorithm, for instance `ES256` (RFC 7518 §3.1).
  var algorithm: String { get }
  /// The public key as canonical JWK text (RFC 7638 §3).
  var jwk: String { get }
  /// The base64url thumbprint of the JWK (RFC 7638).
  var thumbprint: String { get }
  /// The signature of a JWS signing input, in JOSE's form.
  func sign(_ input: [UInt8]) throws(PKIError) -> [UInt8]
}

/// A signer over a key in memory.
public struct KeySigner: Signer {
  /// The JWS algorithm of the key.
  public let algorithm: String
  /// The public key as canonical JWK text.
  public let jwk: String
  /// Its thumbprint.
  public let thumbprint: String
  private let key: PrivateKey

  /// Wraps a key; throws when JOSE has no algorithm for its type.
  public init(_ key: PrivateKey) throws(PKIError) {
    guard let algorithm = key.joseAlgorithm else {
      throw PKIError(what: "signing for ACME", reason: "no algorithm for this type of key")
    }
    self.key = key
    self.algorithm = algorithm
    jwk = try key.jwk()
    thumbprint = try key.thumbprint()
  }

  /// The signature of a JWS signing input.
  public func sign(_ input: [UInt8]) throws(PKIError) -> [UInt8] { try key.signJOSE(input) }
}
