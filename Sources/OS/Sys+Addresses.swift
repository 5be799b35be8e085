internal import CLinux

// The two ends of a connected socket.
extension Sys {
  /// The peer's address of a connected socket, or nil when it is not connected any more.
  public static func peerAddress(_ fd: Int32) -> SocketAddress? { unsafe address(fd, getpeername) }

  /// Our own address of a connected or bound socket, or nil when there is none.
  public static func localAddress(_ fd: Int32) -> SocketAddress? { unsafe address(fd, getsockname) }

  private typealias Call = (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32

  private static func address(_ fd: Int32, _ call: Call) -> SocketAddress? {
    var address = SocketAddress()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let status = unsafe withUnsafeMutablePointer(to: &address.storage) {
      unsafe UnsafeMutableRawPointer($0).withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe call(fd, $0, &length)
      }
    }
    guard status == 0, Int(length) <= MemoryLayout<sockaddr_storage>.size else { return nil }
    address.length = length
    return address
  }
}
