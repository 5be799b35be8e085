import CLinux

/// What log files and standard streams need of the kernel.
extension Sys {
  /// Opens a file for appending, made with mode 0640 when it is missing; close-on-exec.
  public static func openForAppending(_ path: String) -> Int {
    while true {
      let n = result(Int(certd_open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o640)))
      if n != -Int(EINTR) { return n }
    }
  }

  /// Whether at least one page could be written to a pipe, or anything to something else, without waiting.
  public static func isWritable(_ fd: Int32) -> Bool {
    var entry = pollfd(fd: fd, events: Int16(POLLOUT), revents: 0)
    return poll(&entry, 1, 0) == 1
  }

  /// Whether a descriptor is a regular file, to which a write never waits for a reader.
  public static func isRegularFile(_ fd: Int32) -> Bool {
    var status = stat()
    return fstat(fd, &status) == 0 && status.st_mode & UInt32(S_IFMT) == UInt32(S_IFREG)
  }

  /// Whether a descriptor is a terminal.
  public static func isTerminal(_ fd: Int32) -> Bool { isatty(fd) == 1 }
}
