/// Sizes and counts of one HTTP/2 connection; what of it the peer must know goes out in our SETTINGS.
public struct ConnectionLimits: BitwiseCopyable, Sendable {
  /// Streams that the peer may have open at once (SETTINGS_MAX_CONCURRENT_STREAMS).
  public var concurrentStreams: UInt32 = 128
  /// Content that the peer may send on one stream before we have passed it on, in bytes
  /// (SETTINGS_INITIAL_WINDOW_SIZE).
  public var streamWindow: UInt32 = 256 * 1024
  /// Content that the peer may send on all streams together before we have passed it on, in bytes.
  public var connectionWindow: UInt32 = 1024 * 1024
  /// A header section when decoded, in bytes, by HTTP/2's own count of 32 for each line
  /// (SETTINGS_MAX_HEADER_LIST_SIZE).
  public var headerBytes: UInt32 = 64 * 1024
  /// Whether extended CONNECT is offered (RFC 8441, SETTINGS_ENABLE_CONNECT_PROTOCOL).
  public var offersConnectProtocol = false

  /// The largest payload that is accepted, in bytes: the protocol's default (SETTINGS_MAX_FRAME_SIZE).
  public static let frameBytes = 16_384
  /// CONTINUATION frames of one header section.
  public static let continuationFrames = 32
  /// Settings in one SETTINGS frame.
  public static let settingsPerFrame = 32

  /// The defaults.
  public init() {}
}

/// What the peer has said in its SETTINGS, beginning with the protocol's defaults (RFC 9113 §6.5.2).
struct PeerSettings: BitwiseCopyable {
  var initialWindow: Int64 = 65_535
  var frameBytes = 16_384
  var concurrentStreams: UInt32 = .max
  var allowsConnectProtocol = false
  /// The peer's decoder waits to hear that our table has shrunk (RFC 7541 §4.2).
  var wantsSmallerTable = false
  var tableHasShrunk = false

  /// The size of HPACK's table until the peer says otherwise, in bytes (RFC 9113 §6.5.2).
  static let tableBytes: UInt32 = 4096
}
