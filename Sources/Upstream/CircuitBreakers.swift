/// How much of a service may be under way at once, over all workers. The words are Envoy's.
public struct CircuitBreakers: Sendable, Equatable, BitwiseCopyable {
  /// Connections with work; nil for no limit.
  public var maxConnections: Int?
  /// Requests that wait for a connection to be made; nil for no limit.
  public var maxPending: Int?
  /// Requests; nil for no limit.
  public var maxRequests: Int?
  /// Requests that are at a further backend after the first; nil for no limit.
  public var maxRetries: Int?
  /// None.
  public init() {}

  /// Whether there is any.
  public var areSet: Bool { maxConnections ?? maxPending ?? maxRequests ?? maxRetries != nil }

  /// One of them.
  public enum Limit: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    /// Of connections with work.
    case connections
    /// Of requests that wait for a connection.
    case pending
    /// Of requests.
    case requests
    /// Of requests at a further backend.
    case retries

    /// The key's name.
    public var word: String {
      switch self {
      case .connections: "max_connections"
      case .pending: "max_pending"
      case .requests: "max_requests"
      case .retries: "max_retries"
      }
    }
  }

  /// How many there may be; nil for any number.
  public subscript(_ limit: Limit) -> Int? {
    switch limit {
    case .connections: maxConnections
    case .pending: maxPending
    case .requests: maxRequests
    case .retries: maxRetries
    }
  }
}
