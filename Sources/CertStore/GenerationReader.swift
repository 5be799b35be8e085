import OS
import PKI

/// What reading one generation's directory came to.
enum GenerationState {
  /// Fit to be served. `damage` lists the paths of files beside key and full chain that are broken or lost.
  case good(PrivateKey, CertificateChain, CertificateMeta, damage: [Damage])
  /// Not fit: proof that the content is wrong.
  case bad(String)
  /// Nothing can be told, the system failed.
  case unknown(SystemError)

  /// A file that can be made again from the others.
  enum Damage {
    case missing(String, content: [UInt8])
    case broken(String, content: [UInt8])
  }
}

extension CertStore {
  /// The most bytes of a PEM file that are read.
  static let maximumPEMInBytes = 1 << 20

  /// One generation of a certificate, whether it is served or not; nil when it is not there or not fit. Moves nothing.
  public func load(_ name: LineageName, generation: Int) -> StoredCertificate? {
    guard generation > 0, generation < Int(Int32.max) else { return nil }
    let directory = layout.generation(name, generation)
    guard case .good(let key, let chain, let meta, _) = readGeneration(directory) else { return nil }
    return StoredCertificate(
      name: name, generation: generation, directory: directory, key: key, chain: chain, meta: meta)
  }

  /// Reads a generation. Only key and full chain decide whether it is good; being expired is no damage.
  func readGeneration(_ directory: String) -> GenerationState {
    do {
      let key = try PrivateKey(pem: read(directory, Layout.keyFile))
      let chain = try CertificateChain(pem: read(directory, Layout.fullChainFile))
      guard chain.leaf.matches(key) else { return .bad("the private key belongs to another certificate") }
      var damage: [GenerationState.Damage] = []
      let meta = try readMeta(directory, chain.leaf, key, &damage)
      try check(directory, Layout.leafFile, is: chain.leafPEM, &damage)
      try check(directory, Layout.chainFile, is: chain.intermediatesPEM, &damage)
      return .good(key, chain, meta, damage: damage)
    } catch let error as SystemError {
      if error.isResourceFailure { return .unknown(error) }
      return .bad("\(layout.relative(error.subject)): \(SystemError(call: error.call, code: error.code))")
    } catch { return .bad("\(error)") }
  }

  private func read(_ directory: String, _ file: String) throws(SystemError) -> [UInt8] {
    try fs.read("\(directory)/\(file)", limitInBytes: Self.maximumPEMInBytes)
  }

  private func readMeta(
    _ directory: String, _ leaf: Certificate, _ key: PrivateKey, _ damage: inout [GenerationState.Damage]
  ) throws -> CertificateMeta {
    let path = "\(directory)/\(Layout.metaFile)"
    let found = try readDerived(path)
    if let found, let meta = StoreJSON.decode(CertificateMeta.self, found) { return meta }
    let meta = CertificateMeta(rebuiltFrom: leaf, key)
    let content = try StoreJSON.file(meta)
    damage.append(found == nil ? .missing(path, content: content) : .broken(path, content: content))
    return meta
  }

  private func check(
    _ directory: String, _ file: String, is content: [UInt8], _ damage: inout [GenerationState.Damage]
  ) throws {
    let path = "\(directory)/\(file)"
    let found = try readDerived(path)
    if found == content { return }
    damage.append(found == nil ? .missing(path, content: content) : .broken(path, content: content))
  }

  /// The content of a file that can be made again: nil when missing, empty when it cannot be read as a file.
  private func readDerived(_ path: String) throws(SystemError) -> [UInt8]? {
    do { return try fs.readIfPresent(path, limitInBytes: Self.maximumPEMInBytes) } catch {
      if error.isResourceFailure { throw error }
      return []
    }
  }
}
