/// What a connection knows of one stream (RFC 9113 §5). It stands inside its owner's own struct, whose memory does
/// not move while the stream is in the connection's table.
@safe public struct StreamState: BitwiseCopyable {
  /// The stream's number; 0 before it has one.
  public internal(set) var id: UInt32 = 0
  /// Bytes of content that may still be sent on this stream; negative after the peer made its window smaller.
  public internal(set) var sendWindow: Int64 = 0
  /// Bytes of content that the peer may still send.
  var receiveWindow: Int64 = 0
  /// Bytes that the owner has taken and whose room has not been given back to the peer yet.
  var taken = 0
  /// The peer has said END_STREAM or reset the stream.
  public internal(set) var remoteClosed = false
  /// We have said END_STREAM or reset the stream.
  public internal(set) var localClosed = false
  /// The peer's final header section has come: another one is a trailer section.
  var headReceived = false
  /// The stream has been reset by either side.
  public internal(set) var wasReset = false
  /// The content length that the peer declared, or -1.
  var declaredLength: Int64 = -1
  /// Content received so far, in bytes.
  var received: Int64 = 0
  /// A client's stream whose response has no content whatever it declares: HEAD (RFC 9113 §8.1.1).
  public var expectsNoContent = false
  /// Bytes pass both ways after extended CONNECT (RFC 8441): no length, no trailers.
  public var isTunnel = false
  /// We have sent a response's head on it.
  var isAnswered = false
  /// What the owner finds the stream again by.
  public var owner: UnsafeMutableRawPointer?

  /// Its connection is gone: nothing more is said on it.
  public mutating func giveUp() {
    localClosed = true
    remoteClosed = true
    wasReset = true
  }

  /// A stream that is not open yet.
  public init() {}
}
