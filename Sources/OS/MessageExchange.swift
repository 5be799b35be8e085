import CLinux

/// One message to a server and one back. Blocks: call it off the cooperative pool.
public enum MessageExchange {
  /// The largest message that is taken, in bytes: what a length of 16 bits can say.
  public static let maximumBytes = 65_535

  /// Sends a datagram from a port that the system chooses, and waits for one from the same server that `accepts` takes.
  /// Throws `SystemError`, with ETIMEDOUT when none came in time.
  public static func datagram(
    _ message: [UInt8], with server: SocketAddress, milliseconds: Int32, accepts: ([UInt8]) -> Bool
  ) throws(SystemError) -> [UInt8] {
    let deadline = Clock.monotonicNanoseconds() + UInt64(max(0, milliseconds)) * 1_000_000
    let socket = try connect(server, SOCK_DGRAM, deadline)
    let sent = unsafe message.withUnsafeBytes { raw in
      unsafe raw.baseAddress.map { unsafe Sys.send(socket.number, $0, raw.count) } ?? 0
    }
    try check(sent, "send", server)
    var buffer = [UInt8](repeating: 0, count: maximumBytes)
    while true {
      try wait(socket.number, POLLIN, deadline, server)
      let count = unsafe buffer.withUnsafeMutableBytes { raw in
        unsafe raw.baseAddress.map { unsafe Sys.recv(socket.number, $0, raw.count) } ?? 0
      }
      if count == Sys.wouldBlock { continue }
      try check(count, "recv", server)
      let answer = Array(buffer.prefix(count))
      if accepts(answer) { return answer }
    }
  }

  /// The same over TCP, each message after its length in two bytes.
  public static func stream(
    _ message: [UInt8], with server: SocketAddress, milliseconds: Int32
  ) throws(SystemError) -> [UInt8] {
    guard message.count <= maximumBytes else {
      throw SystemError(call: "send", code: EMSGSIZE, subject: server.description)
    }
    let deadline = Clock.monotonicNanoseconds() + UInt64(max(0, milliseconds)) * 1_000_000
    let socket = try connect(server, SOCK_STREAM, deadline)
    var left = [UInt8(message.count >> 8), UInt8(truncatingIfNeeded: message.count)] + message
    while !left.isEmpty {
      let sent = unsafe left.withUnsafeBytes { raw in
        unsafe raw.baseAddress.map { unsafe Sys.send(socket.number, $0, raw.count) } ?? 0
      }
      if sent == Sys.wouldBlock {
        try wait(socket.number, POLLOUT, deadline, server)
        continue
      }
      try check(sent, "send", server)
      left.removeFirst(sent)
    }
    let length = try receive(2, socket.number, deadline, server)
    return try receive(Int(length[0]) << 8 | Int(length[1]), socket.number, deadline, server)
  }

  private static func receive(
    _ count: Int, _ fd: Int32, _ deadline: UInt64, _ server: SocketAddress
  ) throws(SystemError) -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: max(1, count))
    while bytes.count < count {
      let read = unsafe buffer.withUnsafeMutableBytes { raw in
        unsafe raw.baseAddress.map { unsafe Sys.recv(fd, $0, count - bytes.count) } ?? 0
      }
      if read == Sys.wouldBlock {
        try wait(fd, POLLIN, deadline, server)
        continue
      }
      try check(read, "recv", server)
      guard read > 0 else { throw SystemError(call: "recv", code: ECONNRESET, subject: server.description) }
      bytes += buffer.prefix(read)
    }
    return bytes
  }

  private static func connect(
    _ server: SocketAddress, _ kind: __socket_type, _ deadline: UInt64
  ) throws(SystemError) -> Descriptor {
    let type = Int32(kind.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    let fd = Sys.result(Int(CLinux.socket(server.family, type, 0)))
    try check(fd, "socket", server)
    let socket = Descriptor(owning: Int32(fd))
    let status = unsafe withUnsafePointer(to: server) { unsafe Sys.connect(socket.number, $0) }
    if status == Sys.inProgress {
      try wait(socket.number, POLLOUT, deadline, server)
      let failure = Sys.socketError(socket.number)
      guard failure == 0 else {
        throw SystemError(call: "connect", code: failure, subject: server.description)
      }
    } else {
      try check(status, "connect", server)
    }
    return socket
  }

  private static func check(_ result: Int, _ call: String, _ server: SocketAddress) throws(SystemError) {
    guard result >= 0 else {
      throw SystemError(call: call, code: Int32(-result), subject: server.description)
    }
  }

  private static func wait(
    _ fd: Int32, _ events: Int32, _ deadline: UInt64, _ server: SocketAddress
  ) throws(SystemError) {
    while true {
      let now = Clock.monotonicNanoseconds()
      guard now < deadline else {
        throw SystemError(call: "poll", code: ETIMEDOUT, subject: server.description)
      }
      var entry = pollfd(fd: fd, events: Int16(events), revents: 0)
      let milliseconds = Int32(clamping: (deadline - now) / 1_000_000 + 1)
      let ready = unsafe Sys.result(Int(poll(&entry, 1, milliseconds)))
      if ready > 0 { return }
      if ready < 0, ready != -Int(EINTR) {
        throw SystemError(call: "poll", code: Int32(-ready), subject: server.description)
      }
    }
  }
}
