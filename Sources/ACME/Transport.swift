public import HTTP

/// Sends one HTTP request and receives its whole response. The engine's only way to the outside.
public protocol Transport: Sendable {
  /// Sends a request once.
  ///
  /// MUST NOT retry or follow redirects: the engine decides about both. MUST NOT return a body that is
  /// shorter than its framing announced: that is `dropped` or `malformed`. MUST bound the body's size and the
  /// time. SHOULD stop on cancellation with `cancelled`.
  func send(_ request: HTTP.Request) async throws(TransportError) -> HTTP.Response
}
