import ACME
import CertStore

/// Hands out an external account's key once: what the CA gave is kept until an account is bound to it.
struct KeptExternalKey: ExternalAccountSource {
  let keeper: AccountKeeper
  /// Asks the CA's other side for a key.
  let fetch: ExternalKeyFetch

  /// How long a key that was not used is kept, in seconds; Google's are good for seven days.
  static let lifetimeSeconds: Int64 = 6 * 86_400

  struct Unusable: Error, CustomStringConvertible {
    let description = "the key that was handed out is not base64url"
  }

  func binding() async throws -> ExternalAccountBinding {
    if let kept = try await keeper.externalKey(youngerThanSeconds: Self.lifetimeSeconds),
      let binding = ExternalAccountBinding(keyID: kept.keyID, key: kept.key)
    {
      return binding
    }
    let (name, key) = try await fetch()
    guard let binding = ExternalAccountBinding(keyID: name, key: key) else { throw Unusable() }
    try await keeper.keep(externalKey: name, key)
    return binding
  }

  func refused() async { await keeper.dropExternalKey() }
}

/// Asks for the key of an external account: its name, and the key as base64url text.
public typealias ExternalKeyFetch = @Sendable () async throws -> (keyID: String, key: String)
