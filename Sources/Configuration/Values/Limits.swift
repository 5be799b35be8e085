/// Sizes, counts and times that protect the process from its clients.
public struct Limits: Sendable, Equatable {
  /// Largest request line and field section together, in bytes.
  public var requestHeadBytes: Int
  /// Most field lines in a request.
  public var requestHeadFields: Int
  /// Most client connections at once, over all workers.
  public var connections: Int
  /// Whether somebody has said so: a default is simply cut to what there are descriptors for.
  public var areConnectionsChosen: Bool
  /// Most memory of buffers, in bytes; nil for half of what the process may use.
  public var bufferMemory: Int?
  /// From the first byte of a request to the end of its head.
  public var headerTimeout: Duration
  /// How long a client connection without a request is kept.
  public var keepaliveTimeout: Duration
  /// From the connection to the end of the TLS handshake.
  public var handshakeTimeout: Duration
  /// Between two pieces of a request's body.
  public var requestBodyIdleTimeout: Duration
  /// How long a client may take no byte of a response that waits for it.
  public var sendTimeout: Duration
  /// How long a WebSocket or other upgraded connection may carry nothing; nil means for ever.
  public var upgradeIdleTimeout: Duration?
  /// How long exchanges may go on after SIGTERM.
  public var drainTimeout: Duration
}
