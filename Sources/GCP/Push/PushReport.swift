/// What became of a push, target by target.
public struct PushReport: Sendable {
  /// What became of one target.
  public enum Outcome: Sendable {
    /// It had what it shall have.
    case unchanged
    /// It has it now, and it was read back.
    case changed
    /// It has not; what it had before is still there.
    case failed(GCPError)
  }

  /// What the load balancer's address presented after a change.
  public enum Served: Sendable, Equatable {
    /// The certificate that was pushed.
    case pushed
    /// Another one: a load balancer takes some minutes to follow.
    case other(sha256: String)
    /// No handshake was possible.
    case unreachable(String)
  }

  /// One target.
  public struct Entry: Sendable {
    /// Which.
    public let target: Target
    /// What became of it.
    public var outcome: Outcome
    /// Where the certificates are that were pushed, by name.
    public var certificates: [String: ResourceLink] = [:]
    /// What should be known although nothing failed.
    public var warnings: [String] = []
    /// What its address presented; nil when there is none to ask, or nothing changed.
    public var served: Served?

    /// Its failure.
    public var failure: GCPError? { if case .failed(let error) = outcome { error } else { nil } }
    /// Whether the same push may succeed later by itself.
    public var isRetryable: Bool { failure?.isRetryable ?? false }

    init(_ target: Target, _ outcome: Outcome = .unchanged) {
      self.target = target
      self.outcome = outcome
    }
  }

  /// Of nothing that was pushed.
  public init() {}

  /// Every target, in the order of the configuration.
  public var targets: [Entry] = []
  /// Certificates of ours that were superseded and are gone.
  public var removed: [ResourceLink] = []
  /// Superseded certificates that could not be removed, and why.
  public var warnings: [String] = []

  /// Whether a target failed.
  public var hasFailed: Bool { targets.contains { $0.failure != nil } }
  /// Whether a superseded certificate could not be removed for a passing reason.
  public var hasLeftovers = false
  /// Whether another run may do, by itself, what this one could not.
  public var isRetryable: Bool { hasLeftovers || targets.contains(where: \.isRetryable) }
}

/// Looks at what a server presents.
public protocol HandshakeProbe: Sendable {
  /// The leaf, as DER, that a TLS server at `host` or `host:port` presents for a name; it is not verified.
  /// Throws words for why there was no handshake.
  func leaf(at address: String, serverName: String) async throws(ProbeFailure) -> [UInt8]
}

/// Why there was no handshake.
public struct ProbeFailure: Error, Sendable, CustomStringConvertible {
  /// Why.
  public let description: String
  /// A failure.
  public init(_ description: String) { self.description = description }
}
