import OS

extension CertStore {
  /// Removes what killed writers left half done. Whatever a living writer may be working on is locked, and
  /// left alone; failing to tidy up is no reason not to start.
  func removeScratch() {
    if let lock = try? FileLock.tryAcquire(layout.lock, fs) { removeSharedScratch(lock) }
  }

  /// The same for a certificate that is about to be read: with thousands of them, not all at each start.
  func removeScratch(of name: LineageName) {
    guard !scratch(in: layout.lineage(name)).isEmpty, let lock = try? lock(name) else { return }
    removeScratch(lock)
  }

  /// What is not about a single certificate, under the store's lock.
  private func removeSharedScratch(_ lock: borrowing FileLock) {
    for directory in [layout.challenges, layout.deploys, layout.accounts] { removeScratch(in: directory) }
    for host in (try? fs.list(layout.accounts)) ?? [] {
      let directory = layout.accounts + "/" + host
      removeScratch(in: directory)
      for account in (try? fs.list(directory)) ?? [] { removeScratch(in: directory + "/" + account) }
    }
  }

  /// The same for one certificate. A generation that is being written has the scratch suffix as well.
  func removeScratch(_ lock: borrowing LineageLock) { removeScratch(in: layout.lineage(lock.name)) }

  private func removeScratch(in directory: String) {
    for path in scratch(in: directory) { try? fs.removeTree(path, inside: root) }
  }

  private func scratch(in directory: String) -> [String] {
    guard (try? fs.status(directory))?.kind == .directory, let names = try? fs.list(directory) else {
      return []
    }
    return names.filter { $0.hasSuffix(FileSystem.scratchSuffix) }.map { directory + "/" + $0 }
  }
}
