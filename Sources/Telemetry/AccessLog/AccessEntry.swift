/// One finished exchange, as the access log tells it. The pointers need to live only during the call.
///
/// There is no room for a query, a field or a body: what users write to a model is never logged.
@safe public struct AccessEntry {
  /// End of the exchange, in nanoseconds since the epoch.
  public var wallNanoseconds: Int64
  /// The client's address as text.
  public var client: UnsafeRawBufferPointer
  /// The method.
  public var method: UnsafeRawBufferPointer
  /// The host that was asked for.
  public var host: UnsafeRawBufferPointer
  /// The request target; all from its first `?` or `#` is dropped here, not by the caller.
  public var target: UnsafeRawBufferPointer
  /// The status code sent; 0 when none was.
  public var status: UInt16 = 0
  /// Bytes of the request's head and body.
  public var bytesIn: UInt64 = 0
  /// Bytes of the response's head and body.
  public var bytesOut: UInt64 = 0
  /// From the request's first byte to the response's last, in microseconds.
  public var durationMicroseconds: UInt64 = 0
  /// The service's name; empty when none was chosen.
  public var service: UnsafeRawBufferPointer
  /// The backend's address; empty when none was chosen.
  public var backend: UnsafeRawBufferPointer
  /// The version of TLS.
  public var tls: TLSVersion = .none
  /// Who the client has proven to be by a certificate; empty when it has not.
  public var identity = unsafe UnsafeRawBufferPointer(start: nil, count: 0)

  /// From the request's head to the head of its answer, in microseconds; 0 where no backend has answered.
  public var firstByteMicroseconds: UInt64 = 0
  /// Backends that were tried.
  public var attempts = 0
  /// 10, 11 or 20 for HTTP/1.0, 1.1 and 2; 0 where it is none.
  public var version: UInt8 = 0
  /// What the request is called, in every place that tells of it; empty where it has no name.
  public var requestID = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
  /// The trace that it is part of, in hexadecimal digits; empty without one.
  public var traceID = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
  /// What the client calls itself; empty unless it is wanted.
  public var userAgent = unsafe UnsafeRawBufferPointer(start: nil, count: 0)

  /// What is known of it as a request to a model.
  public var model: Model?

  /// What the log tells of a request to a model: never what is written to it, or by it.
  @safe public struct Model {
    /// What it is called, as the client wrote it; empty where nobody has read it.
    public var name = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    /// The key that it came with, as logs call it; empty without one.
    public var key = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    /// Tokens of the prompt, and how many of them came from a cache, as the engine has told.
    public var promptTokens: Int?
    /// Those that came from a cache.
    public var cachedTokens: Int?
    /// Tokens of the answer.
    public var completionTokens = 0
    /// From the request's first byte to the first content of a stream, in microseconds; 0 where there was none.
    public var firstTokenMicroseconds: UInt64 = 0
    /// Nothing known.
    public init() {}
  }

  /// Versions of TLS.
  public enum TLSVersion: UInt8, Sendable { case none, tls12, tls13 }

  /// An entry with its texts; the numbers are set afterwards.
  public init(
    wallNanoseconds: Int64, client: UnsafeRawBufferPointer, method: UnsafeRawBufferPointer,
    host: UnsafeRawBufferPointer, target: UnsafeRawBufferPointer, service: UnsafeRawBufferPointer,
    backend: UnsafeRawBufferPointer
  ) {
    self.wallNanoseconds = wallNanoseconds
    unsafe self.client = unsafe client
    unsafe self.method = unsafe method
    unsafe self.host = unsafe host
    unsafe self.target = unsafe target
    unsafe self.service = unsafe service
    unsafe self.backend = unsafe backend
  }
}
