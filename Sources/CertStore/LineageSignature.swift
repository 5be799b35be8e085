import OS

/// What the file system knows of everything that one certificate is made of: another value means that something may have
/// changed, the same one that nothing has. Made without opening a file.
public struct LineageSignature: Hashable, Sendable {
  /// The value, for keeping.
  public let value: UInt64

  /// A signature that was kept.
  public init(value: UInt64) { self.value = value }
}

extension CertStore {
  /// The largest index, in bytes.
  static let maximumIndexInBytes = 64 << 20

  /// The number of the generation that `current` leads to; nil when it leads to none.
  public func currentGeneration(of name: LineageName) -> Int? {
    (try? fs.readLink(layout.current(name))).flatMap(Layout.generationNumber)
  }

  /// The signature of a certificate as it is now; nil when the generation is not whole.
  ///
  /// The directory tells of everything that is renamed into it: `current`, the renewal record.
  public func signature(of name: LineageName, generation number: Int) -> LineageSignature? {
    guard let directory = try? fs.directory(layout.certificates) else { return nil }
    return signature(of: name, generation: number, in: directory)
  }

  /// Which of the certificates have the signatures that were kept.
  public func unchanged(
    _ kept: some Sequence<(name: LineageName, generation: Int, signature: LineageSignature)>
  ) -> [LineageName] {
    guard let directory = try? fs.directory(layout.certificates) else { return [] }
    return kept.compactMap { entry in
      signature(of: entry.name, generation: entry.generation, in: directory) == entry.signature
        ? entry.name : nil
    }
  }

  private func signature(
    of name: LineageName, generation number: Int, in certificates: DirectoryHandle
  ) -> LineageSignature? {
    let lineage = name.description
    guard let directory = try? fs.status(lineage, in: certificates) else { return nil }
    var mixed = Mixer()
    mixed.add(UInt64(number))
    mixed.add(directory)
    let generation = "\(lineage)/\(Layout.generationName(number))/"
    // The others are copies of their parts, and judge nothing.
    for file in [Layout.keyFile, Layout.fullChainFile, Layout.metaFile] {
      guard let status = try? fs.status(generation + file, in: certificates), status.kind == .file else {
        return nil
      }
      mixed.add(status)
    }
    return LineageSignature(value: mixed.value)
  }

  /// The signature of the list of compromised keys; 0 when there is none.
  public func compromisedKeysSignature() -> UInt64 {
    guard let status = try? fs.status(layout.compromisedKeys) else { return 0 }
    var mixed = Mixer()
    mixed.add(status)
    return mixed.value
  }

  /// What was kept to spare reading certificates that have not changed; nil when there is nothing of use.
  public func readIndex() -> [UInt8]? { try? fs.read(layout.index, limitInBytes: Self.maximumIndexInBytes) }

  /// Keeps it. Nothing depends on it: losing it costs time.
  public func writeIndex(_ bytes: [UInt8]) throws(StoreError) {
    try doing("writing the index") {
      try underStoreLock { try fs.publish(layout.index, bytes, mode: 0o600) }
    }
  }
}

/// FNV-1a over 64-bit words.
private struct Mixer {
  private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

  mutating func add(_ word: UInt64) {
    value = (value ^ word) &* 0x0000_0100_0000_01b3
    value ^= value >> 29
  }

  mutating func add(_ status: FileStatus) {
    add(status.inode)
    add(UInt64(bitPattern: Int64(status.sizeInBytes)))
    add(UInt64(bitPattern: status.modifiedNanoseconds))
    add(UInt64(bitPattern: status.changedNanoseconds))
    add(UInt64(status.mode))
  }
}
