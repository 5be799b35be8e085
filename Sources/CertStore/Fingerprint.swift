import OS

/// Which generation each certificate has; unequal after every publication.
public struct StoreFingerprint: Hashable, Sendable {
  fileprivate struct Link: Hashable, Sendable {
    let name: String
    let target: String
    let inode: UInt64
    let modified: Int64
  }
  fileprivate var links: [Link] = []
}

extension CertStore {
  /// What to compare in order to notice that any process has published: three calls for each certificate,
  /// no file is opened.
  public func fingerprint() -> StoreFingerprint {
    var result = StoreFingerprint()
    for text in (try? fs.list(layout.certificates)) ?? [] {
      guard let name = LineageName(text) else { continue }
      let path = layout.current(name)
      guard let status = try? fs.status(path), let target = try? fs.readLink(path) else { continue }
      result.links.append(
        .init(name: text, target: target, inode: status.inode, modified: status.modifiedNanoseconds))
    }
    return result
  }
}
