import Configuration
import OS

/// Notices that files were replaced, without opening them.
struct FileWatch: Equatable, Sendable {
  private var states: [String: FileStatus] = [:]

  /// The present state of some files.
  init(_ files: [CertificateFiles]) {
    self.init(paths: files.flatMap { [$0.certificate, $0.key, $0.passwordFile].compactMap(\.self) })
  }

  /// The present state of some files.
  init(paths: [String]) {
    for path in paths {
      states[path] = try? FileSystem().status(path, followingLinks: true)
    }
  }
}
