import Bytes
import OS
public import PKI

// Certificates that were revoked from here: a CA's own word is its revocation list, which nobody reads to list what there is.
extension CertStore {
  /// The largest list of revoked certificates that is read, in bytes: some 16,000 of them.
  public static let maximumRevokedInBytes = 1 << 20

  /// Writes down that a certificate was revoked; durable on return.
  public func markRevoked(_ leaf: Certificate) throws(StoreError) {
    try doing("writing the list of revoked certificates") {
      try underStoreLock {
        try appendDigest(Hex.encode(leaf.sha256), layout.revoked, Self.maximumRevokedInBytes)
      }
    }
  }

  /// The SHA-256 of the certificates that were revoked from here, in hexadecimal; none where the list cannot be read.
  public func revokedCertificates() -> Set<String> {
    (try? digests(layout.revoked, Self.maximumRevokedInBytes)) ?? []
  }

  // MARK: Lists of digests, one a line, never shortened

  func digests(_ path: String, _ limit: Int) throws -> Set<String> {
    let list = try fs.readIfPresent(path, limitInBytes: limit) ?? []
    return Set(list.split(separator: 0x0A).map { String(decoding: $0, as: UTF8.self) })
  }

  /// Adds a digest unless it is there; to be called under the store's lock.
  func appendDigest(_ digest: String, _ path: String, _ limit: Int) throws {
    let lineFeed: UInt8 = 0x0A
    let list = try fs.readIfPresent(path, limitInBytes: limit)
    let wanted = Array(digest.utf8)
    if let list, list.split(separator: lineFeed).contains(where: { $0.elementsEqual(wanted) }) { return }
    var line = wanted + [lineFeed]
    // A line that was cut off by a kill must not swallow this one.
    if let last = list?.last, last != lineFeed { line.insert(lineFeed, at: 0) }
    try fs.append(path, line, mode: 0o600)
    if list == nil { try fs.flushDirectory(root) }
  }
}
