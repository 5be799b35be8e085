import CLinux

/// What the file system knows about one path.
public struct FileStatus: Sendable, Equatable {
  /// What a path names.
  public enum Kind: Sendable, Equatable {
    /// A regular file.
    case file
    /// A directory.
    case directory
    /// A symbolic link.
    case link
    /// A pipe, socket or device.
    case other
    /// A Unix socket.
    case socket
  }

  /// What it is.
  public let kind: Kind
  /// Permission bits only, for instance 0o600.
  public let mode: UInt32
  /// The owner's user number.
  public let user: UInt32
  /// The group number.
  public let group: UInt32
  /// Its length in bytes.
  public let sizeInBytes: Int
  /// When the content last changed, in nanoseconds since the epoch.
  public let modifiedNanoseconds: Int64
  /// When anything of it last changed, its owner or mode for instance, in nanoseconds since the epoch.
  public let changedNanoseconds: Int64
  /// The inode number: another one means another file.
  public let inode: UInt64

  init(_ raw: stat) {
    switch raw.st_mode & UInt32(S_IFMT) {
    case UInt32(S_IFREG): kind = .file
    case UInt32(S_IFDIR): kind = .directory
    case UInt32(S_IFLNK): kind = .link
    case UInt32(S_IFSOCK): kind = .socket
    default: kind = .other
    }
    mode = UInt32(raw.st_mode & 0o7777)
    user = raw.st_uid
    group = raw.st_gid
    sizeInBytes = Int(raw.st_size)
    modifiedNanoseconds = Int64(raw.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(raw.st_mtim.tv_nsec)
    changedNanoseconds = Int64(raw.st_ctim.tv_sec) &* 1_000_000_000 &+ Int64(raw.st_ctim.tv_nsec)
    inode = UInt64(raw.st_ino)
  }
}

/// A directory that paths can begin at, so that the way to it is walked once; closed with its last user.
public final class DirectoryHandle: Sendable {
  let path: String
  private let descriptor: Int32

  init(_ handle: consuming FileHandle, path: String) {
    self.path = path
    descriptor = handle.release()
  }

  deinit { close(descriptor) }

  fileprivate func status(_ path: String, _ raw: inout stat) -> Int {
    unsafe Int(fstatat(descriptor, path, &raw, AT_SYMLINK_NOFOLLOW))
  }
}

extension FileSystem {
  /// Opens a directory for its paths only.
  public func directory(_ path: String) throws(SystemError) -> DirectoryHandle {
    DirectoryHandle(try open(path, O_RDONLY | O_DIRECTORY), path: path)
  }

  /// The status of a path below a directory; of a symbolic link itself.
  public func status(_ path: String, in directory: DirectoryHandle) throws(SystemError) -> FileStatus {
    var raw = stat()
    try call("stat", path) { directory.status(path, &raw) }
    return FileStatus(raw)
  }

  /// The status of a path; of a symbolic link itself unless `followingLinks`.
  public func status(_ path: String, followingLinks: Bool = false) throws(SystemError) -> FileStatus {
    var raw = stat()
    try call("stat", path) { unsafe Int(followingLinks ? stat(path, &raw) : lstat(path, &raw)) }
    return FileStatus(raw)
  }

  /// The status of a path, or nil when nothing is there.
  public func statusIfPresent(_ path: String) throws(SystemError) -> FileStatus? {
    do { return try status(path) } catch {
      if error.code == ENOENT { return nil }
      throw error
    }
  }

  /// How many bytes may still be written below a path.
  public func freeBytes(_ path: String) throws(SystemError) -> UInt64 {
    var raw = statvfs()
    try call("statvfs", path) { unsafe Int(statvfs(path, &raw)) }
    return UInt64(raw.f_bavail).multipliedReportingOverflow(by: UInt64(raw.f_frsize)).partialValue
  }

  /// The number of the user that this process acts as.
  public static var ownUser: UInt32 { geteuid() }

  /// Sets the permission bits of a file or directory.
  public func changeMode(_ path: String, _ mode: UInt32) throws(SystemError) {
    try call("chmod", path) { unsafe Int(chmod(path, mode)) }
  }

  /// Sets owner and group of a path, not of what a link points at; nil leaves one as it is.
  public func changeOwner(
    _ path: String, user: UInt32? = nil, group: UInt32? = nil
  ) throws(SystemError) {
    try call("chown", path) { unsafe Int(lchown(path, user ?? .max, group ?? .max)) }
  }
}

extension SystemError {
  /// Whether nothing is there (ENOENT).
  public var isAbsence: Bool { code == ENOENT }
  /// Whether something is already there (EEXIST, ENOTEMPTY).
  public var isCollision: Bool { code == EEXIST || code == ENOTEMPTY }
  /// Whether the system was short of something or a disk failed: says nothing about the file itself.
  public var isResourceFailure: Bool {
    [EIO, EMFILE, ENFILE, ENOMEM, ENOSPC, EDQUOT, EAGAIN, ESTALE].contains(code)
  }
}
