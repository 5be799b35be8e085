/// What `Connection.next` found. Pointers into the input are good until the next call.
@safe public enum Event: BitwiseCopyable {
  /// No whole frame is left in the input.
  case needMore
  /// The answers to what was read need room: send the output and call again.
  case outputFull
  /// A header section is complete; its text stands in the head buffer.
  case head(DecodedHead)
  /// Content of a stream; `isLast` when the peer's side of the stream ends with it.
  case data(UnsafeMutablePointer<StreamState>, UnsafePointer<UInt8>, Int, isLast: Bool)
  /// A stream is over before its time: reset by the peer, or by us because the peer broke a rule on it.
  case reset(UnsafeMutablePointer<StreamState>, ErrorCode, byPeer: Bool)
  /// A request was refused as malformed, or because too many streams are open; it never became a stream.
  case refused(ErrorCode)
  /// There is more room in the window of one stream, or of all of them when nil.
  case writable(UnsafeMutablePointer<StreamState>?)
  /// The peer takes no streams after this one.
  case goAway(lastStream: UInt32, ErrorCode)
  /// The peer's first SETTINGS have come (told to clients only).
  case settings
  /// Our PING has come back.
  case pingAnswered
  /// The connection cannot go on. GOAWAY stands in the output; `flood` names the limit, if it was one.
  case failed(ErrorCode, Flood?)
}

/// A complete header section, written as HTTP/1.1 text.
@safe public struct DecodedHead: BitwiseCopyable {
  /// The stream's number.
  public let id: UInt32
  /// The stream; nil for a request that opens one.
  public let stream: UnsafeMutablePointer<StreamState>?
  /// Bytes of text at the front of the head buffer.
  public let count: Int
  /// The section is larger than the limit; the text is of no use.
  public let isTooLarge: Bool
  /// These are trailers: field lines and an empty line.
  public let isTrailers: Bool
  /// The peer's side of the stream ends with it.
  public let isLast: Bool
  /// An extended CONNECT (RFC 8441), written as the Upgrade request that it stands for.
  public let isExtendedConnect: Bool
  /// The declared content length, or -1.
  public let contentLength: Int64
}
