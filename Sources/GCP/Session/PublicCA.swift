internal import Bytes
internal import JSON

/// A key of Google's public CA that an ACME account is bound to (RFC 8555 §7.3.4): good for one account, within days.
/// The key is a secret.
public struct ExternalAccountKey: Sendable, Equatable, CustomStringConvertible {
  /// The key's name.
  public let keyID: String
  /// The key as base64url text.
  public let key: String

  /// The name only.
  public var description: String { "external account \(keyID)" }
}

extension Session {
  /// Has Google's public CA make a key (`publicca.externalAccountKeys.create`). Each call makes another one.
  public func makeExternalAccountKey() async throws(GCPError) -> ExternalAccountKey {
    let step = "asking Google's public CA for an account key"
    let answer = try await call(
      "POST", Path(.publicCA, "projects/\(project)/locations/global/externalAccountKeys"),
      body: .object([:]), step: step)
    // The member is base64 around what ACME clients are given, which is base64url text itself.
    let letters = answer["b64MacKey"]?.string?.replacing("+", with: "-").replacing("/", with: "_")
    guard let name = answer["keyId"]?.string, !name.isEmpty,
      let outer = Base64URL.decode((letters ?? "").filter { $0 != "=" }), !outer.isEmpty
    else { throw GCPError(step, .unusable("keyId or b64MacKey is missing")) }
    let text = String(decoding: outer, as: UTF8.self)
    let isText = Base64URL.decode(text.filter { $0 != "=" }) != nil
    return ExternalAccountKey(keyID: name, key: isText ? text : Base64URL.encode(outer))
  }
}
