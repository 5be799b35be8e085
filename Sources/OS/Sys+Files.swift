import CLinux

/// What log files and standard streams need of the kernel.
extension Sys {
  /// Opens a file for appending, made with mode 0640 when it is missing; close-on-exec, and never waiting: neither here for
  /// a FIFO's reader, which may come later, nor in a write to one that is full.
  public static func openForAppending(_ path: String) -> Int {
    let flags = O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK
    var access = O_WRONLY
    while true {
      let n = unsafe result(Int(certd_open(path, access | flags, 0o640)))
      // A FIFO that nobody reads yet: holding its other end as well keeps it open (fifo(7)).
      if n == -Int(ENXIO), access == O_WRONLY { access = O_RDWR } else if n != -Int(EINTR) { return n }
    }
  }

  /// Whether at least one page could be written to a pipe, or anything to something else, without waiting.
  public static func isWritable(_ fd: Int32) -> Bool {
    var entry = pollfd(fd: fd, events: Int16(POLLOUT), revents: 0)
    return unsafe poll(&entry, 1, 0) == 1
  }

  /// Whether a descriptor is a regular file, to which a write never waits for a reader.
  public static func isRegularFile(_ fd: Int32) -> Bool {
    var status = stat()
    return unsafe fstat(fd, &status) == 0 && status.st_mode & UInt32(S_IFMT) == UInt32(S_IFREG)
  }

  /// Whether a descriptor is a terminal.
  public static func isTerminal(_ fd: Int32) -> Bool { isatty(fd) == 1 }
}
