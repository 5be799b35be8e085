import CLinux

/// Opening of listening sockets.
public enum ListeningSocket {
  /// Connections that the kernel holds for us until they are accepted.
  public static let backlog: Int32 = 4096

  /// A non-blocking TCP socket bound to an address and listening, with SO_REUSEPORT so that every worker owns one.
  /// An IPv6 wildcard also takes IPv4. TCP_NODELAY is inherited by what is accepted. Without `sharesPort` the
  /// address must be free: SO_REUSEPORT alone would join another process of the same user.
  public static func open(
    _ address: SocketAddress, sharesPort: Bool = true
  ) throws(SystemError) -> Descriptor {
    let fd = Sys.socket(family: address.family)
    guard fd >= 0 else { throw SystemError(call: "socket", code: Int32(-fd), subject: address.description) }
    let socket = Descriptor(owning: Int32(fd))
    Sys.setOption(socket.number, level: SOL_SOCKET, name: SO_REUSEADDR, value: 1)
    if sharesPort { Sys.setOption(socket.number, level: SOL_SOCKET, name: SO_REUSEPORT, value: 1) }
    Sys.setNoDelay(socket.number)
    if address.family == AF_INET6 {
      Sys.setOption(socket.number, level: Int32(IPPROTO_IPV6), name: IPV6_V6ONLY, value: 0)
    }
    var address = address
    let length = address.length
    let bound = unsafe withUnsafePointer(to: &address.storage) {
      unsafe UnsafeRawPointer($0).withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(socket.number, $0, length)
      }
    }
    guard bound == 0 else {
      throw SystemError(call: "bind", code: certd_errno(), subject: address.description)
    }
    guard listen(socket.number, backlog) == 0 else {
      throw SystemError(call: "listen", code: certd_errno(), subject: address.description)
    }
    return socket
  }

  /// Whether this machine has IPv6 at all.
  public static var hasIPv6: Bool {
    let fd = Sys.socket(family: AF_INET6)
    if fd >= 0 { Sys.close(Int32(fd)) }
    return fd >= 0
  }

  /// The address that a socket is bound to, which tells the port chosen for port 0.
  public static func address(of fd: Int32) throws(SystemError) -> SocketAddress {
    var address = SocketAddress()
    address.length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    var length = address.length
    let status = unsafe withUnsafeMutablePointer(to: &address.storage) {
      unsafe UnsafeMutableRawPointer($0).withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe getsockname(fd, $0, &length)
      }
    }
    guard status == 0 else { throw SystemError(call: "getsockname", code: certd_errno()) }
    address.length = length
    return address
  }
}
