internal import EventLoop
internal import HTTP
internal import Upstream

/// One request and its response. It belongs to a client's connection, or to one stream of it, and holds what is
/// needed only while something is under way: an idle connection has none.
@safe struct Exchange: Slotted {
  /// How content passes from the upstream to the client.
  enum Relay: UInt8, BitwiseCopyable {
    /// Bytes as they are.
    case asIs
    /// Wrapped into chunks: the upstream ends its content by closing.
    case addChunks
    /// Unwrapped from chunks: the client speaks HTTP/1.0.
    case removeChunks
  }

  var slot = Slot()
  var downstream: Ref<Downstream>?
  var upstream: Ref<UpstreamConnection>?
  /// Retained: routes, services and pools stay what they were when the request came.
  var snapshot: Unmanaged<Snapshot>?
  var route: UnsafeMutablePointer<CompiledRoute>?
  var service: UnsafeMutablePointer<ServiceEntry>?
  /// The backend whose load counts this exchange.
  var counted: Unmanaged<BackendStatus>?
  var tried = BackendSet()
  var attempts = 0
  /// How often a backend has had it again that had refused it untouched.
  var refusals: UInt8 = 0

  var method = Method.other
  var minorVersion: UInt8 = 1
  var keepsAlive = true
  var wantsUpgrade = false
  /// The client speaks HTTP/2 and asked for a tunnel by extended CONNECT (RFC 8441).
  var isExtendedConnect = false
  /// What a WebSocket client said, for a backend that speaks HTTP/2.
  var webSocket = WebSocketHandshake()
  /// A gRPC call: its errors are told by `grpc-status`.
  var isGRPC = false
  /// The client takes trailers (RFC 9110 §10.1.4).
  var acceptsTrailers = false
  /// No request at all: the connection is passed on in TCP.
  var isPassage = false

  var requestFraming = BodyFraming.none
  var requestLeft: UInt64 = 0
  var requestChunks = ChunkedFraming()
  /// Bytes of the head as it goes to the backend.
  var requestHeadLength = 0
  /// Content comes in chunks and goes out without: the backend speaks HTTP/2.
  var unwrapsRequest = false
  /// Field lines behind the request's content.
  var requestTrailers = ParkedOutput()
  /// All of the request has been received.
  var requestComplete = false
  /// All of the request has been sent.
  var requestSent = false
  /// All bytes of the request so far stand in the buffer: it can be sent once more.
  var replayable = true

  /// 1xx that have come: the backend has begun to work on the request.
  var interimHeads: UInt16 = 0
  var interimBytes = 0
  var gotInterim: Bool { interimHeads > 0 }
  var responseStarted = false
  var headDone = false
  var gotBody = false
  var relay = Relay.asIs
  var responseFraming = BodyFraming.none
  var responseLeft: UInt64 = 0
  var responseChunks = ChunkedFraming(allowsSpace: true)
  /// The backend's HTTP/2 head was its last word.
  var endsWithHead = false
  /// Field lines behind the response's content.
  var trailers = ParkedOutput()
  /// The client would have gzip.
  var wantsGzip = false
  /// The response may be compressed for one client and not for another.
  var variesByCoding = false
  /// The response's head says gzip: also to HEAD, which has no content to compress (RFC 9110 §9.3.2).
  var isCoded = false
  /// Compresses the response's content; owned.
  var gzip: GzipStream?
  /// The compressor has content that has not come out of it.
  var gzipHolds = false
  var upstreamKeepsAlive = false
  var status = 0

  var startedNanoseconds: UInt64 = 0
  var bytesIn: UInt64 = 0
  var bytesOut: UInt64 = 0
  /// Host and path for the access log: where they stand in `logged`, a copy made only when the log is on.
  var logged: UnsafeMutablePointer<UInt8>?
  var loggedHostLength = 0
  var loggedPathLength = 0
  var loggedMethodLength = 0

  init() {}

  /// How often one request goes back to a backend that has refused it untouched.
  static let maximumRefusals: UInt8 = 2
  /// 1xx heads that one response may begin with, and their bytes together: an HTTP/2 backend's heads are not held up by
  /// a window, and all of them may have to wait for a client that does not read.
  static let maximumInterimHeads: UInt16 = 100
  static let maximumInterimBytes = 64 * 1024
  /// Field lines of a backend's response head; of a request's, `limits.header_fields`.
  static let maximumResponseFields = 1024
}

extension FieldSection {
  /// Room for the heads of both sides.
  init(for limits: Limits) {
    self.init(capacity: max(Exchange.maximumResponseFields, limits.headFields), requests: limits.headFields)
  }
}
