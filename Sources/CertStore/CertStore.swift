// CertStore: certificates, keys and everything that must be remembered, on disk.
//
// It does not issue, decide or watch. It promises that a kill or a failing disk at any instruction leaves the old or the new.

public import OS

/// Certificates, keys and everything certd must remember, on disk.
///
/// It does not issue, decide or watch, holds nothing in memory, and never waits for the network. It
/// promises that being killed at any instruction, by anyone, or a full or failing disk at any call, leaves
/// either the old or the new of each thing, never a part and never a key that belongs to another
/// certificate; that damage found later is moved to `quarantine/` with its reason and never stops the rest;
/// and that several processes may use one store at a time.
///
/// Writes to one certificate happen under its lineage lock, all other writes under the store's own lock,
/// which is taken last and held for one write. Both are kernel locks: no stale lock can be left behind.
public struct CertStore: Sendable {
  /// The absolute path of the root directory.
  public var root: String { layout.root }
  let layout: Layout
  let fs: FileSystem
  /// The files as the store itself makes them: its owner's, whoever writes.
  public var files: FileSystem { fs }
  let group: UInt32?
  let report: @Sendable (StoreProblem) -> Void

  /// How long a write waits for another process's write, in nanoseconds.
  static let lockPatienceNanoseconds: UInt64 = 10_000_000_000

  /// Opens a store, making what it lacks and removing what killed writers left half done.
  ///
  /// With a `group`, certificates and their keys are readable by it (0640, directories 0750); otherwise, and
  /// always for accounts, orders, challenges and hooks, by the owner only. `report` hears of damage.
  public static func open(
    root: String, fs: FileSystem = FileSystem(), group: UInt32? = nil,
    report: @escaping @Sendable (StoreProblem) -> Void = { _ in }
  ) throws(StoreError) -> CertStore {
    try doing("opening the store \(root)") {
      var root = try fs.absolutePath(root)
      while root.count > 1, root.hasSuffix("/") { root.removeLast() }
      guard root != "/" else { throw StoreError.invalid("the root directory cannot be a store") }
      let store = CertStore(
        layout: Layout(root: root), fs: try fs.owned(as: root), group: group, report: report)
      try store.makeDirectories()
      store.removeScratch()
      return store
    }
  }

  /// Whether files of certificates are for the group as well.
  var certificateFileMode: UInt32 { group == nil ? 0o600 : 0o640 }
  var certificateDirectoryMode: UInt32 { group == nil ? 0o700 : 0o750 }

  private func makeDirectories() throws {
    try makeParents(of: root)
    try ensureDirectory(root, shared: true)
    try ensureDirectory(layout.certificates, shared: true)
    for path in [layout.accounts, layout.challenges, layout.deploys, layout.quarantine] {
      try ensureDirectory(path, shared: false)
    }
  }

  private func makeParents(of path: String) throws {
    let parent = FileSystem.parent(of: path)
    guard parent != path, try fs.statusIfPresent(parent) == nil else { return }
    try makeParents(of: parent)
    do { try fs.makeDirectory(parent, mode: 0o755) } catch {
      if !error.isCollision { throw error }
    }
  }

  /// Makes a directory that may be there already; what is no directory is an error.
  func ensureDirectory(_ path: String, shared: Bool) throws(SystemError) {
    do {
      let mode = shared ? certificateDirectoryMode : 0o700
      try fs.makeDirectory(path, mode: mode, group: shared ? group : nil)
      try fs.flushDirectory(FileSystem.parent(of: path))
    } catch {
      guard error.isCollision else { throw error }
      guard try fs.status(path, followingLinks: true).kind == .directory else {
        throw SystemError(call: "mkdir", code: error.code, subject: path)
      }
    }
  }

  /// Runs one write that is not about a single certificate.
  func underStoreLock<R>(_ body: () throws -> R) throws -> R {
    let lock = try FileLock.acquire(layout.lock, fs, patienceNanoseconds: Self.lockPatienceNanoseconds)
    guard let lock else { throw StoreError.busy("the store \(root)") }
    defer { withExtendedLifetime(lock) {} }
    return try body()
  }
}
