import OS

/// The right to change one certificate; a kernel lock, given back when the value goes out of scope.
public struct LineageLock: ~Copyable, Sendable {
  /// Whose it is.
  public let name: LineageName
  let file: FileLock
}

extension CertStore {
  /// The lock of a certificate, which need not exist yet; nil when somebody holds it.
  public func lock(_ name: LineageName) throws(StoreError) -> LineageLock? {
    do {
      try ensureDirectory(layout.lineage(name), shared: true)
      guard let file = try FileLock.tryAcquire(layout.lineageLock(name), fs) else { return nil }
      return LineageLock(name: name, file: file)
    } catch { throw .system(doing: "locking \(name)", error) }
  }
}
