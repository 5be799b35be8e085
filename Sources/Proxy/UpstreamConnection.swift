internal import EventLoop
internal import OS
internal import TLS
internal import Upstream

/// A connection to a backend, or one HTTP/2 stream of it, which has a `stream` and no descriptor. A plain struct in a slab, like `Downstream`.
struct UpstreamConnection: Slotted {
  enum State: UInt8, BitwiseCopyable {
    case connecting, handshaking, active, idle
  }

  var slot = Slot()
  var timer = TimerNode()
  var fd: Int32 = -1
  var state = State.connecting
  var readable = false
  var sawEnd = false
  /// The backend has closed, though what it sent before may still wait to be read.
  var peerClosed = false
  /// A request has been answered on it before: it may have been closed meanwhile.
  var isReused = false
  /// Not read from because the client does not take what we have.
  var readPaused = false
  var isDeferred = false
  /// The sending half has been closed (tunnel).
  var writeClosed = false
  var session: Session?
  var exchange: UnsafeMutablePointer<Exchange>?
  /// HTTP/2 on this connection.
  var mux: UnsafeMutablePointer<Mux>?
  /// The stream that this is.
  var stream: UnsafeMutablePointer<MuxStream>?
  /// Retained while the connection is open.
  var pool: Unmanaged<BackendPool>?
  /// Part of a response head that has not ended yet.
  var buffer: UnsafeMutablePointer<UInt8>?
  var end = 0
  var searched = 0
  var parkedInput = ParkedInput()
  var output = ParkedOutput()
  var nextIdle: UnsafeMutablePointer<UpstreamConnection>?
  var previousIdle: UnsafeMutablePointer<UpstreamConnection>?

  init() {}
}

/// One worker's connections to one backend, and how to make more. Outlives configurations that keep the backend.
final class BackendPool {
  let settings: Settings.Backend
  let status: Unmanaged<BackendStatus>
  var address: SocketAddress
  let hasAddress: Bool
  let clientContext: ClientContext?
  /// The connections that wait for a request, the last used first.
  var firstIdle: UnsafeMutablePointer<UpstreamConnection>?
  var idleCount = 0
  /// HTTP/2 connections, those at work and those being made.
  var firstMux: UnsafeMutablePointer<Mux>?
  /// No configuration uses it any more.
  var isRetired = false
  var keepAliveMilliseconds: UInt64
  /// How many requests it gets beside the others.
  var weight: Int

  /// Idle connections kept for one backend by one worker.
  static let maximumIdle = 1024

  init(_ backend: Settings.Backend, keepAliveMilliseconds: UInt64) throws(ContextError) {
    settings = backend
    status = Unmanaged.passRetained(backend.status)
    address = backend.address ?? SocketAddress()
    hasAddress = backend.address != nil
    self.keepAliveMilliseconds = keepAliveMilliseconds
    weight = backend.weight
    clientContext =
      backend.tlsHost == nil
      ? nil
      : try ClientContext(
        trust: backend.trust, serverName: backend.tlsServerName,
        applicationProtocols: backend.isOpaque ? [] : [backend.http2 ? "h2" : "http/1.1"],
        identity: backend.tlsIdentity)
  }

  deinit { status.release() }

  /// Puts a connection to the front of the idle ones.
  func push(_ u: UnsafeMutablePointer<UpstreamConnection>) {
    u.pointee.previousIdle = nil
    u.pointee.nextIdle = firstIdle
    firstIdle?.pointee.previousIdle = u
    firstIdle = u
    idleCount += 1
  }

  /// Takes a connection out of the idle ones.
  func remove(_ u: UnsafeMutablePointer<UpstreamConnection>) {
    if let previous = u.pointee.previousIdle {
      previous.pointee.nextIdle = u.pointee.nextIdle
    } else {
      firstIdle = u.pointee.nextIdle
    }
    u.pointee.nextIdle?.pointee.previousIdle = u.pointee.previousIdle
    u.pointee.nextIdle = nil
    u.pointee.previousIdle = nil
    idleCount -= 1
  }
}
