internal import EventLoop
internal import OS
internal import TLS
internal import Upstream

/// A place in a pool's list of idle connections.
@safe struct IdlePlace: BitwiseCopyable {
  fileprivate(set) var isTaken = false
  fileprivate var next: Ref<BackendConnection>?
  fileprivate var previous: Ref<BackendConnection>?
}

/// One worker's connections to one backend, and how to make more. Outlives configurations that keep the backend.
@safe final class BackendPool {
  let settings: Settings.Backend
  let status: Unmanaged<BackendStatus>
  var address: SocketAddress
  let hasAddress: Bool
  let clientContext: ClientContext?
  /// The connections that wait for a request, the last used first.
  private var firstIdle: Ref<BackendConnection>?
  private(set) var idleCount = 0
  /// HTTP/2 connections, those at work and those being made.
  var firstMux: Ref<Mux>?
  /// No configuration uses it any more.
  var isRetired = false
  var keepAliveMilliseconds: UInt64
  /// The most connections with work, over all workers; 0 for no limit.
  var maximumConnections = 0
  /// How many requests it gets beside the others.
  var weight: Int
  /// Its name has other addresses.
  var isOneOfSeveral: Bool
  /// The Host of requests to it; empty for the client's.
  var host: [UInt8]
  /// A hash of its name, the same on every machine.
  let nameHash: UInt64

  /// Idle connections kept for one backend by one worker.
  static let maximumIdle = 1024

  init(_ backend: Settings.Backend, keepAliveMilliseconds: UInt64, _ clientContext: ClientContext?) {
    settings = backend
    unsafe status = unsafe Unmanaged.passRetained(backend.status)
    address = backend.address ?? SocketAddress()
    hasAddress = backend.address != nil
    self.keepAliveMilliseconds = keepAliveMilliseconds
    weight = backend.weight
    isOneOfSeveral = backend.isOneOfSeveral
    host = backend.host.map { Array($0.utf8) } ?? []
    nameHash = Rendezvous.hash(backend.key.utf8)
    self.clientContext = clientContext
  }

  deinit { unsafe status.release() }

  /// Whether a connection waits here for a request.
  var hasIdle: Bool { firstIdle != nil }

  /// Keeps a connection for the next request. False when there is no room, or when it is no connection by itself:
  /// a stream is over with its exchange, and what carries streams is never idle in this sense.
  func keepIdle(_ backend: Ref<BackendConnection>) -> Bool {
    guard !settings.http2, !backend.idle.isTaken,
      idleCount < Self.maximumIdle, !isRetired, settings.sendProxy == nil, !hasTooMany
    else { return false }
    backend.state = .idle
    backend.idle.isTaken = true
    backend.idle.previous = nil
    backend.idle.next = firstIdle
    firstIdle?.idle.previous = backend
    firstIdle = backend
    idleCount += 1
    return true
  }

  /// More are open than may be: those that other workers keep.
  private var hasTooMany: Bool {
    unsafe maximumConnections > 0
      && status._withUnsafeGuaranteedRef { $0.connections } > maximumConnections
  }

  /// The idle connection that was used last, for a request; nil when there is none.
  func takeIdle() -> Ref<BackendConnection>? {
    guard let backend = firstIdle else { return nil }
    forgetIdle(backend)
    backend.state = .active
    return backend
  }

  /// Takes a connection out of the idle ones, if it is one of them: whatever is freed goes through here.
  func forgetIdle(_ backend: Ref<BackendConnection>) {
    guard backend.idle.isTaken else { return }
    backend.idle.isTaken = false
    if let previous = backend.idle.previous {
      previous.idle.next = backend.idle.next
    } else {
      firstIdle = backend.idle.next
    }
    backend.idle.next?.idle.previous = backend.idle.previous
    backend.idle.next = nil
    backend.idle.previous = nil
    idleCount -= 1
  }
}
