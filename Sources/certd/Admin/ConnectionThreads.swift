import OS
import Synchronization

/// A listening socket whose connections have a thread each, up to so many: for what is asked seldom, or waits for a disk.
final class ConnectionThreads: Sendable {
  private let socket: Descriptor
  private let maximum: Int
  private let open = Atomic(0)
  private let closed = Atomic(false)

  /// How long it is waited when the system has no descriptor left, in milliseconds.
  static let pauseMilliseconds: Int32 = 100

  /// Takes a listening socket over; connections beyond `maximum` are closed at once.
  init(_ socket: consuming Descriptor, maximum: Int) {
    self.socket = socket
    self.maximum = maximum
  }

  /// Where it really is: this tells the port behind port 0.
  var address: SocketAddress? { try? ListeningSocket.address(of: socket.number) }

  /// Whether it takes no further connection.
  var isClosed: Bool { closed.load(ordering: .relaxed) }

  /// Has each connection served on a thread of that name.
  func start(_ name: String, serve: @escaping @Sendable (consuming Descriptor) -> Void) throws(SystemError) {
    try Thread.start(name) { self.accept(name, serve) }.detach()
  }

  /// Takes no further connection.
  func close() {
    closed.store(true, ordering: .relaxed)
    Sys.shutdown(socket.number)
  }

  /// Does something long that does not count among the connections.
  func uncounted(_ body: () -> Void) {
    open.subtract(1, ordering: .relaxed)
    body()
    open.add(1, ordering: .relaxed)
  }

  private func accept(_ name: String, _ serve: @escaping @Sendable (consuming Descriptor) -> Void) {
    var peer = SocketAddress()
    while !isClosed {
      guard Sys.wait(socket.number, milliseconds: -1) else { continue }
      let fd = Sys.accept(socket.number, &peer)
      guard fd >= 0 else {
        // Out of descriptors, say: not asked again at once.
        if fd != Sys.wouldBlock, !isClosed { _ = Sys.wait(-1, milliseconds: Self.pauseMilliseconds) }
        continue
      }
      let connection = Descriptor(owning: Int32(fd))
      guard open.load(ordering: .relaxed) < maximum else { continue }
      open.add(1, ordering: .relaxed)
      let number = connection.release()
      do throws(SystemError) {
        try Thread.start(name) {
          serve(Descriptor(owning: number))
          self.open.subtract(1, ordering: .relaxed)
        }.detach()
      } catch {
        Sys.close(number)
        open.subtract(1, ordering: .relaxed)
      }
    }
  }
}
