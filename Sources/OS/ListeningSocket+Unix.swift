import CLinux

extension ListeningSocket {
  /// A non-blocking Unix socket that listens at a path, for this process's user only. A socket that nobody answers at,
  /// left by a process that was killed, gives way; one that somebody answers at is EADDRINUSE.
  public static func open(unixPath path: String) throws(SystemError) -> Descriptor {
    guard let address = SocketAddress(unixPath: path) else {
      throw SystemError(call: "bind", code: ENAMETOOLONG, subject: path)
    }
    try removeStale(address, path)
    let fd = Sys.socket(family: AF_UNIX)
    guard fd >= 0 else { throw SystemError(call: "socket", code: Int32(-fd), subject: path) }
    let socket = Descriptor(owning: Int32(fd))
    var bound = address
    let length = bound.length
    let status = unsafe withUnsafePointer(to: &bound.storage) {
      unsafe UnsafeRawPointer($0).withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(socket.number, $0, length)
      }
    }
    guard status == 0 else { throw SystemError(call: "bind", code: certd_errno(), subject: path) }
    // Nobody can connect before it listens.
    try FileSystem().changeMode(path, 0o600)
    guard listen(socket.number, backlog) == 0 else {
      throw SystemError(call: "listen", code: certd_errno(), subject: path)
    }
    return socket
  }

  private static func removeStale(_ address: SocketAddress, _ path: String) throws(SystemError) {
    guard let there = try FileSystem().statusIfPresent(path) else { return }
    guard there.kind == .socket else { throw SystemError(call: "bind", code: EEXIST, subject: path) }
    let fd = Sys.socket(family: AF_UNIX)
    guard fd >= 0 else { throw SystemError(call: "socket", code: Int32(-fd), subject: path) }
    defer { Sys.close(Int32(fd)) }
    var address = address
    let answer = unsafe withUnsafePointer(to: &address) { unsafe Sys.connect(Int32(fd), $0) }
    guard answer == -Int(ECONNREFUSED) else {
      throw SystemError(call: "bind", code: EADDRINUSE, subject: path)
    }
    try FileSystem().unlinkIfPresent(path)
  }
}
