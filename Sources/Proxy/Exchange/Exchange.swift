internal import EventLoop
internal import Exchange
internal import HTTP
internal import Upstream

/// One request and its response. It belongs to a client's connection, or to one stream of it, and holds what is
/// needed only while something is under way: an idle connection has none.
@safe struct Exchange: Slotted {
  var slot = Slot()
  /// Decides how it goes on.
  var machine = Machine()
  var client: Ref<ClientConnection>?
  /// The connection of the attempt that is under way.
  var backend: Ref<BackendConnection>?
  /// Retained: routes, services and pools stay what they were when the request came.
  var snapshot: Unmanaged<Snapshot>?
  var route: UnsafeMutablePointer<CompiledRoute>?
  var service: UnsafeMutablePointer<ServiceEntry>?
  /// The backend whose load counts this exchange.
  var counted: Unmanaged<BackendStatus>?
  /// Its room there is another's already.
  var hasLeftRoom = false
  var tried = BackendSet()

  var method = Method.other
  var version = Version.http11
  var wantsUpgrade = false
  /// The client speaks HTTP/2 and asked for a tunnel by extended CONNECT (RFC 8441).
  var isExtendedConnect = false
  /// What a WebSocket client said, for a backend that speaks HTTP/2.
  var webSocket = WebSocketHandshake()
  /// A gRPC call: its errors are told by `grpc-status`.
  var isGRPC = false
  /// The client takes trailers (RFC 9110 §10.1.4).
  var acceptsTrailers = false

  /// What is known of it as a request to a model server, if it is one.
  var model: Ref<ModelRequest>?

  var requestContent = RequestContent()
  /// Bytes of the head as it goes to the backend.
  var requestHeadLength = 0
  /// Field lines behind the request's content.
  var requestTrailers = ParkedOutput()

  /// The request's content is waited for before a backend is chosen: all of it, or a first part.
  var collects = false
  /// It is read then: for its model, or its prompt.
  var isRead = false
  /// Room that has been set aside for the rest of it, in bytes.
  var reserved = 0
  /// What has come of it.
  var collected = ParkedOutput()
  /// How much of that stands before the content: what ends the head, in bytes.
  var collectedFront = 0
  /// Bytes of it that the attempt's backend has.
  var collectedSent = 0
  /// What was kept is but the first part: the rest is passed on as it comes.
  var goesOn = false
  /// After how many bytes of content the first part is looked at, and how many there were when that was last done.
  var looksAt = Int.max
  var lookedAt = 0
  /// What is still to come, as its end was told: of the content, or of the chunk that the first part is sent in.
  var restOfContent: UInt64?
  var restOfChunk: UInt64 = 0
  /// What `service` belongs to, where settings came while content was collected.
  var laterSnapshot: Unmanaged<Snapshot>?
  /// What `service` belongs to.
  var ofService: Unmanaged<Snapshot>? { unsafe laterSnapshot ?? snapshot }

  /// Field lines of the response that say something of the request.
  var responseLines = ParkedOutput()
  var responseContent = ResponseContent()
  /// The backend's HTTP/2 head was its last word.
  var endsWithHead = false
  /// Field lines behind the response's content.
  var trailers = ParkedOutput()
  var coding = Coding()
  var status = 0

  var startedNanoseconds: UInt64 = 0
  var bytesIn: UInt64 = 0
  var bytesOut: UInt64 = 0
  var logged = LoggedRequest()
  /// What it is called and the steps of its trace, where that is on.
  var followed: UnsafeMutablePointer<FollowedRequest>?

  init() {}
}
