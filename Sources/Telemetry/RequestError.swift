/// Why a request got an answer that is none: whose doing it was, and what. Each is counted apart.
public enum RequestError: Int, CaseIterable, Sendable {
  // The client's
  case malformedHead, malformedContent, headTooLarge, contentTooLarge, requestTimeout, noRoute, misdirected,
    pathNotNormal, certificateNeeded, keyNeeded, keyExpired, keyElsewhere, modelUnknown, modelMissing,
    modelUntold,
    requestLimit, tokenLimit, requestSize, quota, concurrency
  // The backend's
  case badGateway, backendTimeout, noBackend, noTunnel
  // Ours
  case queueFull, queueTimeout, overloaded, overLimit

  /// Whose doing it was.
  public var origin: StaticString {
    switch self {
    case .badGateway, .backendTimeout, .noBackend, .noTunnel: "upstream"
    case .queueFull, .queueTimeout, .overloaded, .overLimit: "certd"
    default: "client"
    }
  }

  /// What it was, in one word.
  public var reason: StaticString {
    switch self {
    case .malformedHead: "malformed_head"
    case .malformedContent: "malformed_content"
    case .headTooLarge: "head_too_large"
    case .contentTooLarge: "content_too_large"
    case .requestTimeout: "request_timeout"
    case .noRoute: "no_route"
    case .misdirected: "misdirected"
    case .pathNotNormal: "path_not_normalized"
    case .certificateNeeded: "client_certificate_required"
    case .keyNeeded: "invalid_api_key"
    case .keyExpired: "expired_api_key"
    case .keyElsewhere: "address_not_allowed"
    case .modelUnknown: "model_not_found"
    case .modelMissing: "model_required"
    case .modelUntold: "model_not_readable"
    case .requestLimit: "key_requests"
    case .tokenLimit: "key_tokens"
    case .requestSize: "key_request_size"
    case .quota: "key_quota"
    case .concurrency: "key_concurrency"
    case .badGateway: "bad_gateway"
    case .backendTimeout: "backend_timeout"
    case .noBackend: "no_backend"
    case .noTunnel: "upgrade_not_supported"
    case .queueFull: "queue_full"
    case .queueTimeout: "queue_timeout"
    case .overloaded: "overloaded"
    case .overLimit: "circuit_breaker"
    }
  }
}
