// OS: the one door to the system: files, sockets, locks, threads, clocks, processes, signals.
//
// It does not decide anything. It promises that every failure is a value with the call and its subject; that descriptors have
// one owner and are closed on exec; that a file is replaced whole or not at all.

import CLinux

/// Files, as a store that must survive being killed needs them.
///
/// It does not buffer, cache, retry after errors or follow a symbolic link unless asked to, and it knows
/// nothing of what the files mean. It promises that every system call passes one door: a test can watch,
/// fail or kill the process at any of them; that a file it reports as written has reached the disk; and
/// that every error names the call and the path.
public struct FileSystem: Sendable {
  /// Called with the name of a system call and its path just before the call is made.
  /// What it throws is reported as though the call had failed so.
  public typealias Hook = @Sendable (_ call: String, _ path: String) throws(SystemError) -> Void

  private let beforeCall: Hook
  let maximumWriteInBytes: Int
  /// Whose everything is that is made; nil for ours.
  private(set) var owner: (user: UInt32, group: UInt32)?

  /// The most entries of one directory that are listed; more is reported as EFBIG.
  public static let maximumDirectoryEntries = 65_536

  /// The real file system, with a hook before each call.
  ///
  /// `maximumWriteInBytes` bounds a single `write`, so that a test can interrupt a file half way.
  public init(
    maximumWriteInBytes: Int = 1 << 20,
    beforeCall: @escaping Hook = { (_: String, _: String) throws(SystemError) in }
  ) {
    self.maximumWriteInBytes = max(1, maximumWriteInBytes)
    self.beforeCall = beforeCall
  }

  /// The same for root in a directory of somebody else: what is made there is theirs, or they could not go on with it.
  public func owned(as directory: String) throws(SystemError) -> FileSystem {
    guard Self.ownUser == 0, let status = try statusIfPresent(directory), status.user != 0 else {
      return self
    }
    var copy = self
    copy.owner = (status.user, status.group)
    return copy
  }

  /// The one door: every system call on files is made here. Interrupted calls are made again.
  @discardableResult
  func call(_ name: String, _ path: String, _ body: () -> Int) throws(SystemError) -> Int {
    while true {
      try beforeCall(name, path)
      let result = body()
      if result >= 0 { return result }
      let code = certd_errno()
      if code != EINTR { throw SystemError(call: name, code: code, subject: path) }
    }
  }

  /// Opens a file. Never inherited by child processes, never blocks on a pipe or a terminal.
  func open(
    _ path: String, _ flags: Int32, mode: UInt32 = 0, call name: String = "open"
  ) throws(SystemError) -> FileHandle {
    let safe = flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK
    let file = FileHandle(Int32(try call(name, path) { unsafe Int(certd_open(path, safe, mode)) }))
    if flags & O_CREAT != 0, let owner {
      try call("fchown", path) { Int(fchown(file.descriptor, owner.user, owner.group)) }
    }
    return file
  }
}

/// An open file, closed when it goes out of scope.
struct FileHandle: ~Copyable {
  let descriptor: Int32

  init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  /// The descriptor, which the caller has to close from now on.
  consuming func release() -> Int32 {
    let descriptor = descriptor
    discard self
    return descriptor
  }
}
