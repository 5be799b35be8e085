internal import Bytes
public import PKI

/// The keys that everything secret is sealed with before etcd gets it: one that seals, and older ones that still open.
///
/// What is sealed is bound to its place: moved elsewhere it does not open.
public struct SealKeys: Sendable, CustomStringConvertible {
  private struct Key: Sendable {
    let id: [UInt8]
    let bytes: [UInt8]
  }

  /// The newest first.
  private let keys: [Key]

  private static let magic: [UInt8] = Array("cf1".utf8)
  /// How much of a key's SHA-256 names it, in bytes.
  private static let idBytes = 8
  private static let headBytes = magic.count + idBytes + AuthenticatedCipher.nonceBytes

  /// The newest key, and older ones. Throws for one that has no 32 bytes.
  public init(_ newest: [UInt8], older: [[UInt8]] = []) throws(PKIError) {
    var keys: [Key] = []
    for bytes in [newest] + older {
      guard bytes.count == AuthenticatedCipher.keyBytes else {
        throw PKIError(what: "seal key", reason: "it has \(bytes.count) bytes in place of 32")
      }
      keys.append(Key(id: Array(try Digest.sha256(bytes).prefix(Self.idBytes)), bytes: bytes))
    }
    self.keys = keys
  }

  /// A key as text: 64 hexadecimal digits, or 32 bytes in base64. Nil for anything else.
  public static func bytes(of text: String) -> [UInt8]? {
    let bytes = text.utf8.count == 64 ? Hex.decode(text) : Base64.decode(text)
    return bytes?.count == AuthenticatedCipher.keyBytes ? bytes : nil
  }

  /// Seals a text for a place.
  public func seal(_ plain: [UInt8], at place: String) throws(PKIError) -> [UInt8] {
    guard let key = keys.first else { throw PKIError(what: "sealing", reason: "there is no key") }
    let nonce = Random.bytes(AuthenticatedCipher.nonceBytes)
    return Self.magic + key.id + nonce
      + (try AuthenticatedCipher.seal(plain, key: key.bytes, nonce: nonce, context: Self.context(key, place)))
  }

  /// What was sealed for a place.
  public func open(_ sealed: [UInt8], at place: String) throws(PKIError) -> [UInt8] {
    guard sealed.count > Self.headBytes, sealed.starts(with: Self.magic) else {
      throw PKIError(what: "opening \(place)", reason: "it is not sealed")
    }
    let id = Array(sealed[Self.magic.count..<Self.magic.count + Self.idBytes])
    guard let key = keys.first(where: { $0.id == id }) else {
      throw PKIError(
        what: "opening \(place)",
        reason: "it is sealed with key \(Hex.encode(id)), which is neither seal_key nor one of old_seal_keys")
    }
    let nonce = Array(sealed[Self.magic.count + Self.idBytes..<Self.headBytes])
    do throws(PKIError) {
      return try AuthenticatedCipher.open(
        Array(sealed[Self.headBytes...]), key: key.bytes, nonce: nonce, context: Self.context(key, place))
    } catch { throw PKIError(what: "opening \(place)", reason: error.reason) }
  }

  /// Whether it was sealed with the newest key.
  public func isNewest(_ sealed: [UInt8]) -> Bool {
    guard let id = keys.first?.id else { return false }
    return sealed.dropFirst(Self.magic.count).starts(with: id)
  }

  private static func context(_ key: Key, _ place: String) -> [UInt8] { magic + key.id + Array(place.utf8) }

  /// Never the keys.
  public var description: String { keys.map { Hex.encode($0.id) }.joined(separator: ", ") }
}
