/// What a service may have under way at once.
public enum ServiceLimit: UInt8, Sendable, BitwiseCopyable, CaseIterable {
  /// Connections with work.
  case connections
  /// Requests that wait for a connection.
  case pending
  /// Requests.
  case requests
  /// Requests at a further backend.
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
