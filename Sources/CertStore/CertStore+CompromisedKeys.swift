public import Bytes
import OS
import PKI

// Keys that others may have: once written down here, no certificate is stored with one of them again, and no order
// goes on with one. Held by the SHA-256 of their public halves, one a line; never shortened.
extension CertStore {
  /// The largest list of compromised keys that is read, in bytes: some 64,000 keys.
  public static let maximumCompromisedKeysInBytes = 4 << 20

  /// Whether a key is known to be compromised, by its public half (`publicKeyInfo` of a key or certificate).
  public func isCompromised(publicKeyInfo: [UInt8]) throws(StoreError) -> Bool {
    try doing("reading the list of compromised keys") {
      try digests(layout.compromisedKeys, Self.maximumCompromisedKeysInBytes).contains(
        Hex.encode(try Digest.sha256(publicKeyInfo)))
    }
  }

  /// Writes down that a key is compromised, for good; durable on return. The keys of orders in progress for
  /// certificates that have it now lie beside it, and count as compromised as well. Returns these certificates.
  @discardableResult
  public func markCompromised(
    publicKeyInfo: [UInt8], now: UnixTime
  ) throws(StoreError) -> [LineageName] {
    var affected: [LineageName] = []
    var keys = [publicKeyInfo]
    for stored in inventory(now: now).certificates where stored.chain.leaf.publicKeyInfo == publicKeyInfo {
      affected.append(stored.name)
      if let order = peekOrder(stored.name) { keys.append(order.key.publicKeyInfo) }
    }
    try doing("writing the list of compromised keys") {
      try underStoreLock {
        for key in keys {
          try appendDigest(
            Hex.encode(try Digest.sha256(key)), layout.compromisedKeys, Self.maximumCompromisedKeysInBytes)
        }
      }
    }
    return affected
  }
}
