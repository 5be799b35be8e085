internal import CLinux
package import OS
internal import Synchronization

/// A server on a free port of the loopback address that plays a script on each connection, in a thread of its own.
///
/// The n-th connection is given to the n-th script, further ones to the last, and is closed behind it. It stops
/// listening when it goes away; what came on its connections is not kept (see `Backend`).
package final class LocalServer: Sendable {
  /// What is done on one connection.
  package typealias Script = @Sendable (Wire) -> Void

  /// Where it listens.
  package let address: SocketAddress
  private let listener: Int32
  private let accepted = Atomic(0)

  /// Connections accepted so far.
  package var connections: Int { accepted.load(ordering: .acquiring) }

  /// Listens and plays.
  package init(_ scripts: Script...) throws {
    guard let any = SocketAddress(host: "127.0.0.1", port: 0) else {
      throw SystemError(call: "bind", code: EINVAL)
    }
    let socket = try ListeningSocket.open(any, sharesPort: false)
    address = try ListeningSocket.address(of: socket.number)
    let fd = socket.release()
    listener = fd
    _ = certd_fcntl(fd, F_SETFL, certd_fcntl(fd, F_GETFL, 0) & ~O_NONBLOCK)
    try Thread.start("test-server") { [weak self] in
      while true {
        var from = SocketAddress()
        let peer = Int32(Sys.accept(fd, &from))
        guard peer >= 0, let self else {
          if peer >= 0 { Sys.close(peer) }
          break
        }
        let number = self.accepted.wrappingAdd(1, ordering: .acquiringAndReleasing).oldValue
        let script = scripts[min(number, scripts.count - 1)]
        let wire = Wire(fd: peer)
        _ = try? Thread.start("test-script") {
          script(wire)
          wire.close()
        }.detach()
      }
      Sys.close(fd)
    }.detach()
  }

  deinit { shutdown(listener, Int32(SHUT_RDWR)) }

  /// `http://127.0.0.1:port` and a path.
  package func url(_ path: String = "/", scheme: String = "http", host: String = "127.0.0.1") -> String {
    "\(scheme)://\(host):\(address.port)\(path)"
  }
}
