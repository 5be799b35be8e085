import Glibc
public import OS
import Synchronization

/// A server on a free port of the loopback address that plays a script on each connection, in a thread of its own.
///
/// The n-th connection is given to the n-th script, further ones to the last. It stops listening when it goes away.
public final class LocalServer: Sendable {
  /// What is done on one connection; it is closed afterwards.
  public typealias Script = @Sendable (ServerConnection) -> Void

  /// Where it listens.
  public let address: SocketAddress
  private let listener: Int32
  private let accepted = Atomic(0)

  /// Connections accepted so far.
  public var connections: Int { accepted.load(ordering: .acquiring) }

  /// Listens and plays.
  public init(_ scripts: Script...) throws {
    var any = sockaddr_in()
    any.sin_family = sa_family_t(AF_INET)
    any.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard fd >= 0 else { throw SystemError(call: "socket", code: errno) }
    let bound = withUnsafePointer(to: &any) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard bound == 0, listen(fd, 64) == 0 else { throw SystemError(call: "listen", code: errno) }
    listener = fd
    address = try ListeningSocket.address(of: fd)
    try Thread.start("test-server") { [weak self] in
      while true {
        let peer = accept(fd, nil, nil)
        guard peer >= 0, let self else {
          if peer >= 0 { close(peer) }
          break
        }
        let number = self.accepted.wrappingAdd(1, ordering: .acquiringAndReleasing).oldValue
        let script = scripts[min(number, scripts.count - 1)]
        let connection = ServerConnection(fd: peer)
        _ = try? Thread.start("test-script") {
          script(connection)
          connection.close()
        }.detach()
      }
      close(fd)
    }.detach()
  }

  deinit { shutdown(listener, Int32(SHUT_RDWR)) }

  /// `http://127.0.0.1:port` and a path.
  public func url(_ path: String = "/", scheme: String = "http", host: String = "127.0.0.1") -> String {
    "\(scheme)://\(host):\(address.port)\(path)"
  }
}

/// One connection, usually seen from the server, blocking. Waits at most half a minute for anything.
public final class ServerConnection: Sendable {
  private static let patienceSeconds = 30
  private let fd: Int32
  private let isOpen = Mutex(true)

  init(fd: Int32) {
    self.fd = fd
    var patience = timeval(tv_sec: Self.patienceSeconds, tv_usec: 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    Sys.setNoDelay(fd)
  }

  /// A connection made to a server.
  public convenience init(to address: SocketAddress) throws {
    var address = address
    let fd = socket(address.family, Int32(SOCK_STREAM.rawValue), 0)
    guard fd >= 0 else { throw SystemError(call: "socket", code: errno) }
    self.init(fd: fd)
    let result = Sys.connect(fd, &address)
    guard result == 0 else { throw SystemError(call: "connect", code: Int32(-result)) }
  }

  deinit { close() }

  /// Some bytes, none at the end.
  public func read(atMost count: Int = 65_536) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      filled = buffer.baseAddress.map { max(0, Sys.recv(fd, $0, count)) } ?? 0
    }
  }

  /// Exactly so many bytes, fewer at the end.
  public func read(exactly count: Int) -> [UInt8] {
    var all: [UInt8] = []
    while all.count < count {
      let part = read(atMost: count - all.count)
      if part.isEmpty { break }
      all += part
    }
    return all
  }

  /// A message head with its empty line; what there is at the end.
  public func readHead() -> String {
    var all: [UInt8] = []
    while !all.suffix(4).elementsEqual([13, 10, 13, 10]) {
      let byte = read(atMost: 1)
      if byte.isEmpty { break }
      all += byte
    }
    return String(decoding: all, as: UTF8.self)
  }

  /// Reads until the peer closes.
  public func readToEnd() { while !read().isEmpty {} }

  /// Writes all.
  public func write(_ bytes: [UInt8]) {
    var at = 0
    while at < bytes.count {
      let n = bytes.withUnsafeBytes { raw in
        raw.baseAddress.map { Sys.send(fd, $0 + at, raw.count - at) } ?? -1
      }
      if n <= 0 { return }
      at += n
    }
  }

  /// Writes a text, a byte for each character.
  public func write(_ text: String) { write(latin1(text)) }

  /// Closes with a reset.
  public func reset() {
    Sys.setResetOnClose(fd)
    close()
  }

  /// Closes.
  public func close() {
    isOpen.withLock {
      if $0 { Sys.close(fd) }
      $0 = false
    }
  }
}
