public import HTTP

/// Sends one HTTP request and receives its whole response. The module's only way to the outside.
public protocol Transport: Sendable {
  /// Sends a request once, within so many seconds from call to complete response.
  ///
  /// MUST NOT retry what may have taken effect, nor follow redirects. MUST NOT return a body shorter than its
  /// framing announced: that is `dropped` or `malformed`. MUST bound the body's size.
  func send(_ request: HTTP.Request, deadlineSeconds: Double) async throws(TransportError) -> HTTP.Response
}
