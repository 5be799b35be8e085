internal import EventLoop
internal import HTTP2

/// HTTP/2 on one connection, a client's or a backend's: its protocol state and its streams.
///
/// Each stream is a `ClientConnection` or an `BackendConnection` without a descriptor, so that routing, forwarding, time
/// limits and errors are the same for all versions; only reading and sending differ.
struct Mux: Slotted {
  var slot = Slot()
  var connection = HTTP2.Connection(isServer: true, limits: ConnectionLimits(), headCapacity: 0)
  /// The connection that carries it: one of these.
  var client: Ref<ClientConnection>?
  var backend: Ref<BackendConnection>?
  /// Content of the frame that is being read.
  var incoming = Incoming()
  /// Output waits for the end of the turn.
  var isDirty = false
  /// The connection has failed; it is taken apart at the end of the turn.
  var isBroken = false
  /// Nothing more is read; the connection closes once the output has left.
  var isClosing = false
  /// The peer has been told that the end is near.
  var endAnnounced = false
  /// Since when no stream has been open, in the loop's milliseconds.
  var quietAt: UInt64 = 0
  /// The peer asks for nothing more: the connection ends with its last stream.
  var peerIsLeaving = false
  /// Every stream.
  var firstStream: Ref<MuxStream>?
  var streamCount = 0
  /// Streams that wait for a window, for room in the socket, or for the connection.
  var firstBlocked: Ref<MuxStream>?
  var lastBlocked: Ref<MuxStream>?
  /// A backend's connection that has been of use before.
  var hasAnswered = false
  /// A request on it had no answer in time, and nothing has come since: it may be dead, and gets no further ones.
  var isSilent = false
  /// The next one of the same backend.
  var next: Ref<Mux>?

  init() {}

  /// Frames that wait before they are encrypted and sent although the turn goes on, in bytes.
  static let flushBytes = 32 * 1024
  /// How long a client that asks nothing has to acknowledge that the end is near, in milliseconds.
  static let goodbyeMilliseconds: UInt64 = 3000
  /// What may wait for a peer that does not read, in bytes, before nothing more is read from it.
  static let parkedBytes = 64 * 1024
  /// What may wait for a peer that does not read, in bytes, before it is given up.
  static let maximumParkedBytes = 1024 * 1024
}

/// One stream of a multiplexed connection.
@safe struct MuxStream: Slotted {
  var slot = Slot()
  var state = StreamState()
  var mux: Ref<Mux>?
  /// What stands for the stream in the rest of the proxy: one of these.
  var client: Ref<ClientConnection>?
  var backend: Ref<BackendConnection>?
  /// Content that nobody could take yet; the stream's window bounds it.
  var stash = ParkedOutput()
  /// Field lines to be sent behind what waits.
  var trailers = ParkedOutput()
  /// The stream ends behind what waits.
  var endsAfterOutput = false
  /// The request ended with its head.
  var hasNoContent = false
  /// The request's head has gone out.
  var headSent = false
  /// Told to the peer if the stream is given up.
  var resetCode = ErrorCode.cancel
  var isBlocked = false
  var nextBlocked: Ref<MuxStream>?
  var previousBlocked: Ref<MuxStream>?
  var nextStream: Ref<MuxStream>?
  var previousStream: Ref<MuxStream>?

  init() {}

}

extension Ref where Element == MuxStream {
  /// Content of the frame that is being read, if that is one of this stream.
  private var incoming: Int {
    guard let mux = self.mux, mux.incoming.stream == self else { return 0 }
    return mux.incoming.count
  }

  /// Content that waits to be taken.
  var waiting: Int { self.stash.count + incoming }

  /// The peer has said all, and all of it has been taken.
  var isDrained: Bool { self.state.remoteClosed && waiting == 0 }
}

/// Content of the frame that is being read, as far as it has not been taken. The stream that it belongs to may end while it
/// is being read.
@safe struct Incoming: BitwiseCopyable {
  var stream: Ref<MuxStream>?
  var bytes: UnsafePointer<UInt8>?
  var count = 0

  /// Takes the first bytes away.
  mutating func drop(_ n: Int) {
    unsafe bytes = unsafe bytes.map { unsafe $0 + n }
    count -= n
  }
}
