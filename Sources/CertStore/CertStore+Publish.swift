public import Bytes
import OS
public import PKI

extension CertStore {
  /// How many generations older than the served one are kept.
  public static let keptOlderGenerations = 5

  /// Stores a new generation and lets `current` lead to it.
  ///
  /// Checked before anything is written: the key is the leaf's, the leaf covers what was asked for, the
  /// chain links, all is valid now, and the key is not known to be compromised. Then written aside, flushed,
  /// read back, and only then is `current` moved, by the rename of one link. When this throws, the old
  /// generation is still served, unless only the very last flush failed. The hooks in `deploys` are in the queue before the certificate is served,
  /// so that none is ever lost. An order in progress is finished by this.
  @discardableResult
  public func publish(
    _ lock: borrowing LineageLock, key: PrivateKey, chain: CertificateChain, meta: CertificateMeta,
    deploys: [DeployTask] = [], now: UnixTime
  ) throws(StoreError) -> StoredCertificate {
    let name = lock.name
    let number = try doing("storing \(name)") {
      let identifiers = meta.identifiers.compactMap { Identifier($0) }
      guard identifiers.count == meta.identifiers.count, !identifiers.isEmpty else {
        throw PKIError(what: "checking a chain", reason: "no or unreadable identifiers")
      }
      try chain.check(key: key, identifiers: identifiers, now: now)
      guard try !isCompromised(publicKeyInfo: key.publicKeyInfo) else {
        throw PKIError(what: "checking a key", reason: "it is known to be compromised; another one is needed")
      }
      removeScratch(lock)
      let number = try nextGeneration(name)
      // Before the generation is whole: from then on it may be served, after a kill by way of repair.
      for task in deploys { try enqueue(task) }
      try writeGeneration(name, number, key, chain, meta)
      try moveCurrent(lock, to: number)
      return number
    }
    // The certificate is served now: nothing below can undo that, so nothing below may fail it.
    for task in deploys { removeSuperseded(by: task) }
    clearOrder(lock)
    prune(lock, current: number)
    return StoredCertificate(
      name: name, generation: number, directory: layout.current(name), key: key, chain: chain, meta: meta)
  }

  /// Higher than every number in use, so that a reader never sees a name with another content.
  private func nextGeneration(_ name: LineageName) throws -> Int {
    let linked = (try? fs.readLink(layout.current(name))).flatMap(Layout.generationNumber) ?? 0
    let next = max(linked, try generations(name).last ?? 0) + 1
    guard Layout.generationNumber(Layout.generationName(next)) == next else {
      throw StoreError.invalid("\(name) has a generation with an absurd number; remove it")
    }
    return next
  }

  private func writeGeneration(
    _ name: LineageName, _ number: Int, _ key: PrivateKey, _ chain: CertificateChain, _ meta: CertificateMeta
  ) throws {
    let final = layout.generation(name, number)
    let scratch = final + FileSystem.scratchSuffix
    try fs.makeDirectory(scratch, mode: certificateDirectoryMode, group: group)
    do {
      let files: [(String, [UInt8])] = [
        (Layout.keyFile, try key.pem()), (Layout.leafFile, chain.leafPEM),
        (Layout.chainFile, chain.intermediatesPEM), (Layout.fullChainFile, chain.pem),
        (Layout.metaFile, try StoreJSON.file(meta)),
      ]
      for (file, content) in files {
        try fs.writeNew("\(scratch)/\(file)", content, mode: certificateFileMode, group: group)
      }
      try fs.flushDirectory(scratch)
      for (file, content) in files {
        guard try fs.read("\(scratch)/\(file)", limitInBytes: Self.maximumPEMInBytes) == content else {
          throw StoreError.invalid("\(scratch)/\(file) reads back differently: is the disk failing?")
        }
      }
      try fs.rename(scratch, to: final)
    } catch {
      try? fs.removeTree(scratch, inside: root)
      throw error
    }
    try fs.flushDirectory(layout.lineage(name))
  }

  /// Removes what is older than the kept generations. What cannot be removed goes next time.
  private func prune(_ lock: borrowing LineageLock, current: Int) {
    guard let older = try? generations(lock.name).filter({ $0 < current }) else { return }
    for number in older.dropLast(Self.keptOlderGenerations) {
      let path = layout.generation(lock.name, number)
      // Renamed first: a tree that is half removed must not look like a generation.
      let scratch = path + FileSystem.scratchSuffix
      guard (try? fs.rename(path, to: scratch)) != nil else { continue }
      try? fs.removeTree(scratch, inside: root)
    }
  }
}
