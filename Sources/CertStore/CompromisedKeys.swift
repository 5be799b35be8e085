public import Bytes
import OS
import PKI

// Keys that others may have: once written down here, no certificate is stored with one of them again, and no order
// goes on with one. Held by the SHA-256 of their public halves, one a line; never shortened.
extension CertStore {
  /// The largest list of compromised keys that is read, in bytes: some 64,000 keys.
  public static let maximumCompromisedKeysInBytes = 4 << 20
  private static let lineFeed: UInt8 = 0x0A

  /// Whether a key is known to be compromised, by its public half (`publicKeyInfo` of a key or certificate).
  public func isCompromised(publicKeyInfo: [UInt8]) throws(StoreError) -> Bool {
    try doing("reading the list of compromised keys") {
      guard
        let list = try fs.readIfPresent(
          layout.compromisedKeys, limitInBytes: Self.maximumCompromisedKeysInBytes)
      else { return false }
      let wanted = Array(Hex.encode(try Digest.sha256(publicKeyInfo)).utf8)
      return list.split(separator: Self.lineFeed).contains { $0.elementsEqual(wanted) }
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
        for key in keys { try appendCompromised(key) }
      }
    }
    return affected
  }

  private func appendCompromised(_ publicKeyInfo: [UInt8]) throws {
    let path = layout.compromisedKeys
    let list = try fs.readIfPresent(path, limitInBytes: Self.maximumCompromisedKeysInBytes)
    let wanted = Array(Hex.encode(try Digest.sha256(publicKeyInfo)).utf8)
    if let list, list.split(separator: Self.lineFeed).contains(where: { $0.elementsEqual(wanted) }) { return }
    var line = wanted + [Self.lineFeed]
    // A line that was cut off by a kill must not swallow this one.
    if let last = list?.last, last != Self.lineFeed { line.insert(Self.lineFeed, at: 0) }
    try fs.append(path, line, mode: 0o600)
    if list == nil { try fs.flushDirectory(root) }
  }
}
