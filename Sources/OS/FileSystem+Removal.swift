import CLinux

extension FileSystem {
  /// How deep a tree may be to be removed.
  public static let maximumTreeDepth = 16

  /// Removes a file, a link or a directory with everything in it. No symbolic link is followed.
  ///
  /// Refuses, with EINVAL, what is not strictly below `root` or has `.` or `..` in its path, and, with
  /// ELOOP, a tree that is deeper than `maximumTreeDepth`. Nothing there is fine.
  public func removeTree(_ path: String, inside root: String) throws(SystemError) {
    guard Self.isStrictlyInside(path, root) else {
      throw SystemError(call: "remove outside \(root)", code: EINVAL, subject: path)
    }
    do { try remove(path, depth: 0) } catch {
      if !error.isAbsence { throw error }
    }
  }

  private func remove(_ path: String, depth: Int) throws(SystemError) {
    guard try status(path).kind == .directory else { return try unlink(path) }
    guard depth < Self.maximumTreeDepth else {
      throw SystemError(call: "remove", code: ELOOP, subject: path)
    }
    for name in try list(path) { try remove(path + "/" + name, depth: depth + 1) }
    try call("rmdir", path) { unsafe Int(rmdir(path)) }
  }

  static func isStrictlyInside(_ path: String, _ root: String) -> Bool {
    let prefix = root.hasSuffix("/") ? root : root + "/"
    guard !root.isEmpty, path.hasPrefix(prefix) else { return false }
    let rest = path.dropFirst(prefix.count).split(separator: "/", omittingEmptySubsequences: false)
    return rest.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
  }
}
