public import HTTP

/// Sends one HTTP request and receives its whole response. The module's only way to the outside.
public protocol Transport: Sendable {
  /// Sends a request once, within so many seconds from call to complete response.
  ///
  /// MUST NOT retry what may have taken effect, nor follow redirects. MUST NOT return a body shorter than its
  /// framing announced: that is `dropped` or `malformed`. MUST bound the body's size.
  func send(_ request: HTTP.Request, deadlineSeconds: Double) async throws(TransportError) -> HTTP.Response
}

/// Why no response came.
public struct TransportError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What went wrong, as far as it matters for what to do next.
  public enum Kind: String, Sendable, CaseIterable {
    /// No connection: nothing was sent.
    case connect
    /// The connection was lost after it stood; the request may have taken effect.
    case dropped
    /// No answer in time; the request may have taken effect.
    case timeout
    /// The peer is not trusted, or there is no common protocol.
    case tls
    /// The response is larger than the transport allows.
    case tooLarge
    /// The response is not HTTP, or its framing is wrong.
    case malformed
    /// The task was cancelled.
    case cancelled
  }
  /// What went wrong.
  public let kind: Kind
  /// Why, readable, with the address; never a secret.
  public let reason: String

  /// A failure.
  public init(_ kind: Kind, _ reason: String) {
    self.kind = kind
    self.reason = reason
  }

  /// `connect: compute.googleapis.com: Connection refused`
  public var description: String { reason.isEmpty ? kind.rawValue : "\(kind.rawValue): \(reason)" }
}
