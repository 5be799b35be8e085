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

  /// `connect: ca.example:443: Connection refused`
  public var description: String { reason.isEmpty ? kind.rawValue : "\(kind.rawValue): \(reason)" }
}
