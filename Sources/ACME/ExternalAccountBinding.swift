internal import Bytes
internal import HTTP
internal import JSON
internal import PKI

/// A key that a CA gave to its customer, to bind an ACME account to (RFC 8555 §7.3.4). The key is a secret.
public struct ExternalAccountBinding: Sendable, CustomStringConvertible, CustomReflectable {
  /// The key's name.
  public let keyID: String
  /// How the binding is signed (RFC 7518 §3.2).
  public let algorithm: Algorithm
  private let key: [UInt8]

  /// The MAC algorithms of RFC 8555 §7.3.4.
  public enum Algorithm: String, Sendable, CaseIterable {
    case hs256 = "HS256"
    case hs384 = "HS384"
    case hs512 = "HS512"

    fileprivate var hash: Digest.HMACHash {
      switch self {
      case .hs256: .sha256
      case .hs384: .sha384
      case .hs512: .sha512
      }
    }
  }

  /// A binding; the key is the base64url text that CAs show (padding and the other alphabet accepted). Nil
  /// when it is not base64 or the name is empty.
  public init?(keyID: String, key text: String, algorithm: Algorithm = .hs256) {
    let letters = text.replacing("+", with: "-").replacing("/", with: "_").filter { $0 != "=" }
    guard !keyID.isEmpty, let key = Base64URL.decode(letters), !key.isEmpty else { return nil }
    self.keyID = keyID
    self.algorithm = algorithm
    self.key = key
  }

  /// The name only.
  public var description: String { "external account \(keyID)" }
  /// Nothing but the name.
  public var customMirror: Mirror { Mirror(self, children: ["keyID": keyID]) }

  /// The inner JWS: the account's public key, signed by the CA's key.
  func object(jwk: String, newAccount: URL) throws(PKIError) -> FlattenedJWS {
    let header = JSONWriter.text {
      $0.object {
        $0.member("alg", algorithm.rawValue)
        $0.member("kid", keyID)
        $0.member("url", newAccount.description)
      }
    }
    let protected = Base64URL.encode(Array(header.utf8))
    let payload = Base64URL.encode(Array(jwk.utf8))
    let mac = try Digest.hmac(algorithm.hash, key: key, Array("\(protected).\(payload)".utf8))
    return FlattenedJWS(protected: protected, payload: payload, signature: Base64URL.encode(mac))
  }
}

/// Someone who hands out external account bindings by itself.
public protocol ExternalAccountSource: Sendable {
  /// The binding for a new account. MUST be durable on return, and the same one until it is refused or used: it is
  /// good for one account.
  func binding() async throws -> ExternalAccountBinding
  /// The CA has refused it; it MUST NOT be given again.
  func refused() async
}

/// A flattened JWS inside a payload (RFC 7515 §7.2.2).
struct FlattenedJWS: Codable, Equatable {
  let protected: String
  let payload: String
  let signature: String
}
