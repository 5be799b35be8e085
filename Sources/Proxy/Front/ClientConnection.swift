internal import EventLoop
internal import Exchange
internal import OS
internal import TLS

/// A client's connection, or one HTTP/2 stream of it, which has a `stream` and no descriptor. A plain struct in a slab:
/// it is found by its token and touched by its worker only.
///
/// While idle it holds no buffer; a request's bytes stand in `buffer` like this:
///
///     |headroom ... | request head and content | next, pipelined request | free |
///                    start    sent     requestEnd                        end
@safe struct ClientConnection: Slotted {
  enum State: UInt8, BitwiseCopyable {
    /// The PROXY header of a trusted peer has not come whole.
    case proxyHeader
    /// The TLS handshake is under way.
    case handshaking
    /// Waiting for a request, or in the middle of its head.
    case reading
    /// A request is being forwarded and answered.
    case exchange
    /// Bytes pass both ways unread after an upgrade.
    case tunnel
    /// An HTTP/2 connection: what is said on it belongs to its streams.
    case multiplexed
    /// All is said; the rest of the output has to leave.
    case closing
    /// Our side is closed; what the client still sends is thrown away for a moment.
    case lingering
  }

  var slot = Slot()
  var wire = Transport()
  var state = State.handshaking
  /// What it is being waited for.
  var wait = Wait.none
  var listener: UInt16 = 0
  /// The time limit of the head that is being received has begun.
  var headTimed = false
  /// Waits in the queue of first handshake steps.
  var isQueued = false
  /// The first handshake step has been made.
  var helloDone = false
  /// The request came in early data, before the handshake was over.
  var isEarly = false
  /// The peer may set X-Forwarded-*.
  var isTrusted = false
  /// A stream whose request waits for the end of the read that brought it.
  var awaitsDispatch = false
  /// Waits in the queue of those that had their share of a turn.
  var isDeferred = false
  /// Retained: who the client has proven to be.
  var identity: Unmanaged<ClientIdentity>?
  var exchange: Ref<Exchange>?
  /// HTTP/2 on this connection.
  var mux: Ref<Mux>?
  /// The stream that this is.
  var stream: Ref<MuxStream>?
  var buffer: UnsafeMutablePointer<UInt8>?
  var start = 0
  var sent = 0
  var requestEnd = 0
  var end = 0
  /// How far the search for the head's end has come, from `start`.
  var searched = 0
  var peer = PeerText()
  /// The connection's ends as a PROXY header told them; owned.
  var announced: UnsafeMutablePointer<ProxyProtocol.Ends>?

  init() {}

  /// All that has been received stands in front of nothing else.
  mutating func emptyBuffer() {
    start = Layout.headroom
    sent = Layout.headroom
    requestEnd = Layout.headroom
    end = Layout.headroom
  }

  /// The buffer takes no more.
  var isFull: Bool { end >= Layout.full }
}
