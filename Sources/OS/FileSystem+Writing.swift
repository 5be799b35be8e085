import CLinux

extension FileSystem {
  /// What marks a file or directory as scratch: its writer was killed if nobody holds the lock.
  public static let scratchSuffix = ".partial"

  /// Writes a new file and flushes it to the disk.
  ///
  /// EEXIST when the name is taken, even by a dangling link. The mode holds whatever the umask is. After
  /// an error the name is free again, unless removing it failed too. The name itself is only durable after
  /// `flushDirectory`.
  public func writeNew(
    _ path: String, _ bytes: [UInt8], mode: UInt32, user: UInt32? = nil, group: UInt32? = nil
  ) throws(SystemError) {
    let file = try open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: mode & 0o600, call: "create")
    do {
      // The owners come before their permission bits: never readable by the wrong one.
      if user != nil || group != nil {
        try call("fchown", path) { Int(fchown(file.descriptor, user ?? .max, group ?? .max)) }
      }
      if mode & ~0o600 != 0 { try call("fchmod", path) { Int(fchmod(file.descriptor, mode)) } }
      try write(bytes, to: file, path)
      try call("fsync", path) { Int(fsync(file.descriptor)) }
    } catch {
      try? unlink(path)
      throw error
    }
  }

  /// Sees whether a file could be opened to append, and made where it is missing; changes nothing.
  public func checkAppendable(_ path: String) throws(SystemError) {
    let found: FileStatus?
    do throws(SystemError) { found = try status(path, followingLinks: true) } catch {
      guard error.code == ENOENT else { throw error }
      found = nil
    }
    if found?.kind == .directory { throw SystemError(call: "open to append", code: EISDIR, subject: path) }
    let needed = found == nil ? Self.parent(of: try absolutePath(path)) : path
    try call("access", needed) { unsafe Int(access(needed, W_OK)) }
  }

  /// Sees whether a directory could be written to, and made with its parents where it is missing; changes nothing.
  public func checkWritableDirectory(_ path: String) throws(SystemError) {
    var place = try absolutePath(path)
    while try isMissing(place), place != "/" { place = Self.parent(of: place) }
    guard try status(place, followingLinks: true).kind == .directory else {
      throw SystemError(call: "mkdir", code: ENOTDIR, subject: place)
    }
    try call("access", place) { unsafe Int(access(place, W_OK | X_OK)) }
  }

  private func isMissing(_ path: String) throws(SystemError) -> Bool {
    do throws(SystemError) { _ = try status(path, followingLinks: true) } catch {
      guard error.code == ENOENT else { throw error }
      return true
    }
    return false
  }

  /// Adds bytes at the end of a file, which is made with `mode` if there is none, and flushes it.
  /// After an error part of the bytes may be there.
  public func append(_ path: String, _ bytes: [UInt8], mode: UInt32) throws(SystemError) {
    let file = try open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, mode: mode, call: "open to append")
    try write(bytes, to: file, path)
    try call("fsync", path) { Int(fsync(file.descriptor)) }
  }

  /// Replaces or makes a file in one step: whoever reads it sees all of the old or all of the new content.
  ///
  /// Written aside in the same directory, flushed, renamed, and the directory flushed. A caller who holds
  /// no lock must not publish one path twice at a time.
  public func publish(
    _ path: String, _ bytes: [UInt8], mode: UInt32, user: UInt32? = nil, group: UInt32? = nil
  ) throws(SystemError) {
    let scratch = path + Self.scratchSuffix
    do { try writeNew(scratch, bytes, mode: mode, user: user, group: group) } catch {
      guard error.isCollision else { throw error }
      // Left by a killed writer.
      try unlink(scratch)
      try writeNew(scratch, bytes, mode: mode, user: user, group: group)
    }
    do { try rename(scratch, to: path) } catch {
      try? unlink(scratch)
      throw error
    }
    try flushDirectory(Self.parent(of: path))
  }

  /// Gives a file, link or directory another name on the same file system, replacing a file or link there.
  public func rename(_ from: String, to: String) throws(SystemError) {
    try call("rename", to) { unsafe Int(CLinux.rename(from, to)) }
  }

  /// Makes a symbolic link at `path` that points to `target`, which need not exist.
  public func symlink(_ path: String, to target: String) throws(SystemError) {
    try call("symlink", path) { unsafe Int(CLinux.symlink(target, path)) }
    if let owner { try changeOwner(path, user: owner.user, group: owner.group) }
  }

  /// Removes a file or a link, not what the link points at.
  public func unlink(_ path: String) throws(SystemError) {
    try call("unlink", path) { unsafe Int(CLinux.unlink(path)) }
  }

  /// The same; nothing there is fine.
  public func unlinkIfPresent(_ path: String) throws(SystemError) {
    do { try unlink(path) } catch {
      if !error.isAbsence { throw error }
    }
  }

  /// Makes one directory with exactly this mode, whatever the umask is. EEXIST when the name is taken.
  public func makeDirectory(_ path: String, mode: UInt32, group: UInt32? = nil) throws(SystemError) {
    try call("mkdir", path) { unsafe Int(mkdir(path, mode & 0o700)) }
    if let owner { try changeOwner(path, user: owner.user, group: owner.group) }
    if let group { try changeOwner(path, group: group) }
    if mode & ~0o700 != 0 { try changeMode(path, mode) }
  }

  /// Makes the names in a directory durable: creations, renames and removals done before.
  public func flushDirectory(_ path: String) throws(SystemError) {
    let directory = try open(path, O_RDONLY | O_DIRECTORY, call: "open directory")
    try call("fsync directory", path) { Int(fsync(directory.descriptor)) }
  }

  /// Everything before the last slash; `.` when there is none.
  public static func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// A path from the root directory; a relative one starts at the working directory. Links stay as they are.
  public func absolutePath(_ path: String) throws(SystemError) -> String {
    if path.hasPrefix("/") { return path }
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    try call("getcwd", path) { unsafe getcwd(&buffer, buffer.count) == nil ? -1 : 0 }
    let directory = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    return directory == "/" ? "/" + path : directory + "/" + path
  }

  private func write(_ bytes: [UInt8], to file: borrowing FileHandle, _ path: String) throws(SystemError) {
    var written = 0
    let descriptor = file.descriptor
    while written < bytes.count {
      let end = min(bytes.count, written + maximumWriteInBytes)
      written += try call("write", path) {
        unsafe bytes.withUnsafeBytes {
          unsafe CLinux.write(descriptor, $0.baseAddress.map { unsafe $0 + written }, end - written)
        }
      }
    }
  }
}
