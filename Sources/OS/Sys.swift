public import CLinux

/// The one door to the system calls of the data plane.
///
/// Every function answers what the kernel answered, or `-errno`; nothing throws, nothing allocates.
/// A call interrupted by a signal is made again here and nowhere else.
public enum Sys {
  /// There is nothing to read, or no room to write, at present.
  @inlinable public static var wouldBlock: Int { -Int(EAGAIN) }
  /// A non-blocking connect is under way.
  @inlinable public static var inProgress: Int { -Int(EINPROGRESS) }
  /// The process or the system is out of descriptors.
  @inlinable
  public static func isOutOfDescriptors(_ result: Int) -> Bool {
    result == -Int(EMFILE) || result == -Int(ENFILE) || result == -Int(ENOBUFS) || result == -Int(ENOMEM)
  }

  @inlinable @inline(__always)
  static func result(_ value: Int) -> Int { value < 0 ? -Int(certd_errno()) : value }

  /// Receives at most `count` bytes; 0 at the end of the stream.
  @inlinable
  public static func recv(_ fd: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int {
    while true {
      let n = unsafe result(CLinux.recv(fd, buffer, count, 0))
      if n != -Int(EINTR) { return n }
    }
  }

  /// Sends at most `count` bytes without ever raising SIGPIPE.
  @inlinable
  public static func send(_ fd: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
    while true {
      let n = unsafe result(CLinux.send(fd, bytes, count, Int32(MSG_NOSIGNAL)))
      if n != -Int(EINTR) { return n }
    }
  }

  /// Accepts one connection, non-blocking and close-on-exec.
  @inlinable
  public static func accept(_ fd: Int32, _ peer: inout SocketAddress) -> Int {
    while true {
      peer.length = socklen_t(MemoryLayout<sockaddr_storage>.size)
      let flags = Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
      let n = unsafe result(Int(certd_accept4(fd, &peer.storage, &peer.length, flags)))
      if n != -Int(EINTR) { return within(.clients, n) }
    }
  }

  /// Starts or completes a connection.
  @inlinable
  public static func connect(_ fd: Int32, _ address: UnsafePointer<SocketAddress>) -> Int {
    let length = unsafe address.pointee.length
    return unsafe UnsafeRawPointer(address).withMemoryRebound(to: sockaddr.self, capacity: 1) {
      unsafe result(Int(CLinux.connect(fd, $0, length)))
    }
  }

  /// A new non-blocking, close-on-exec stream socket of a family.
  @inlinable
  public static func socket(family: Int32, for share: DescriptorBudget.Share = .controlPlane) -> Int {
    let type =
      Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    return within(share, result(Int(CLinux.socket(family, type, 0))))
  }

  /// A descriptor that is in its share, or EMFILE in its place.
  @inlinable @inline(__always)
  static func within(_ share: DescriptorBudget.Share, _ answer: Int) -> Int {
    guard answer >= Int(DescriptorBudget.end(share)) else { return answer }
    close(Int32(truncatingIfNeeded: answer))
    return -Int(EMFILE)
  }

  /// Closes a descriptor. It is gone whatever the answer, also after EINTR.
  @inlinable
  public static func close(_ fd: Int32) { _ = CLinux.close(fd) }

  /// Ends the sending half of a connection.
  @inlinable
  public static func shutdownWrite(_ fd: Int32) { _ = CLinux.shutdown(fd, Int32(SHUT_WR)) }

  /// Sets an integer option of a socket.
  @inlinable @discardableResult
  public static func setOption(_ fd: Int32, level: Int32, name: Int32, value: Int32) -> Int {
    var value = value
    return unsafe result(
      Int(CLinux.setsockopt(fd, level, name, &value, socklen_t(MemoryLayout<Int32>.size))))
  }

  /// Has a connection in which nothing comes end when the peer's machine is not there any more: it is asked after so much
  /// silence, so often, that many times.
  public static func keepAlive(_ fd: Int32, _ seconds: (idle: Int32, every: Int32, times: Int32)) {
    setOption(fd, level: SOL_SOCKET, name: SO_KEEPALIVE, value: 1)
    setOption(fd, level: Int32(IPPROTO_TCP), name: TCP_KEEPIDLE, value: seconds.idle)
    setOption(fd, level: Int32(IPPROTO_TCP), name: TCP_KEEPINTVL, value: seconds.every)
    setOption(fd, level: Int32(IPPROTO_TCP), name: TCP_KEEPCNT, value: seconds.times)
  }

  /// Sends small writes at once.
  @inlinable
  public static func setNoDelay(_ fd: Int32) {
    setOption(fd, level: Int32(IPPROTO_TCP), name: TCP_NODELAY, value: 1)
  }

  /// Makes the close of a connection a reset, so that the peer learns at once that nothing more is wanted.
  public static func setResetOnClose(_ fd: Int32) {
    var option = linger(l_onoff: 1, l_linger: 0)
    _ = unsafe CLinux.setsockopt(fd, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
  }

  /// The pending error of a socket, 0 for none: how a non-blocking connect ended.
  @inlinable
  public static func socketError(_ fd: Int32) -> Int32 {
    var value: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    return unsafe getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &length) == 0 ? value : certd_errno()
  }

  /// Writes to any descriptor.
  public static func write(_ fd: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
    while true {
      let n = unsafe result(CLinux.write(fd, bytes, count))
      if n != -Int(EINTR) { return n }
    }
  }

  /// Reads from any descriptor.
  public static func read(_ fd: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int {
    while true {
      let n = unsafe result(CLinux.read(fd, buffer, count))
      if n != -Int(EINTR) { return n }
    }
  }
}
