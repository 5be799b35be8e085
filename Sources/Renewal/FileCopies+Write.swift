import CertStore
import OS
import PKI

/// A copy could not be made.
struct CopyError: Error, CustomStringConvertible {
  let description: String
}

extension FileCopies {
  /// Files that hold the key are for their owner, and the group where one is named.
  private var keyMode: UInt32 { mode ?? (group == nil ? 0o600 : 0o640) }
  private var publicMode: UInt32 { mode ?? 0o644 }

  /// Writes every copy, each in one step; what is there already stays untouched. The key comes first: a server that
  /// reads half of them must not find a new certificate with an old key for longer than it has to.
  func write(_ served: StoredCertificate, _ fs: FileSystem = FileSystem()) throws {
    let (user, group) = (
      try number(owner, "user", UserNames.user), try number(group, "group", UserNames.group)
    )
    let key = try served.key.pem()
    let chain = served.chain
    let files: [(String?, [UInt8], UInt32)] = [
      (self.key, key, keyMode), (combined, chain.pem + key, keyMode), (cert, chain.leafPEM, publicMode),
      (self.chain, chain.intermediatesPEM, publicMode), (fullchain, chain.pem, publicMode),
    ]
    for (path, bytes, mode) in files {
      guard let path else { continue }
      guard path.hasPrefix("/") else { throw CopyError(description: "\(path) is not an absolute path") }
      if try isThere(path, bytes, mode, user, group, fs) { continue }
      try fs.publish(path, bytes, mode: mode, user: user, group: group)
    }
  }

  private func number(
    _ name: String?, _ kind: String, _ find: (String) -> UInt32?
  ) throws(CopyError) -> UInt32? {
    guard let name else { return nil }
    guard let number = find(name) else {
      throw CopyError(description: "this system has no \(kind) \(name)")
    }
    return number
  }

  private func isThere(
    _ path: String, _ bytes: [UInt8], _ mode: UInt32, _ user: UInt32?, _ group: UInt32?, _ fs: FileSystem
  ) throws(SystemError) -> Bool {
    guard let status = try fs.statusIfPresent(path), status.kind == .file, status.mode == mode,
      user == nil || status.user == user, group == nil || status.group == group,
      status.sizeInBytes == bytes.count
    else { return false }
    return (try? fs.readIfPresent(path, limitInBytes: bytes.count)) == bytes
  }
}
