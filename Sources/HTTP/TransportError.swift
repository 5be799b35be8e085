/// Why no response came to a request: what those see who are given a transport, and know no socket.
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
