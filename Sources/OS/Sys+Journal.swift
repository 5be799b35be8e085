import CLinux

// What is needed to speak to systemd's journal (systemd.exec(5), JOURNAL_STREAM; its native protocol).
extension Sys {
  /// The device and inode of what a descriptor is, as systemd writes them in JOURNAL_STREAM; nil where it is not open.
  public static func streamName(_ fd: Int32) -> String? {
    var status = stat()
    return unsafe fstat(fd, &status) == 0 ? "\(status.st_dev):\(status.st_ino)" : nil
  }

  /// The same of what a path leads to.
  public static func streamName(path: String) -> String? {
    var status = stat()
    return unsafe fstatat(AT_FDCWD, path, &status, 0) == 0 ? "\(status.st_dev):\(status.st_ino)" : nil
  }

  /// How long a file is, in bytes; 0 where that cannot be told.
  public static func size(_ fd: Int32) -> Int {
    var status = stat()
    return unsafe fstat(fd, &status) == 0 ? Int(status.st_size) : 0
  }

  /// A socket for datagrams to a Unix socket, which neither waits nor is inherited; a negative error number where there is none.
  public static func connectDatagrams(unixPath path: String) -> Int {
    guard var address = SocketAddress(unixPath: path) else { return -Int(EINVAL) }
    let type = Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    let made = result(Int(CLinux.socket(AF_UNIX, type, 0)))
    guard made >= 0 else { return made }
    let connected = unsafe connect(Int32(truncatingIfNeeded: made), &address)
    guard connected >= 0 else {
      close(Int32(truncatingIfNeeded: made))
      return connected
    }
    return made
  }
}
