import Configuration
import Proxy
import Upstream

/// What becomes at Google of each key of a service: none is dropped without a word, be it here or in the documents.
extension LoadBalancerTranslation {
  /// What becomes of a key.
  enum Fate {
    /// Google is told it, or what comes nearest.
    case carried
    /// An error, or a warning, tells that it is not carried, where it is written.
    case told
    /// It is about what certd does beside passing requests on, which Google does not.
    case ownWork
  }

  /// By the key's name under `services.*`.
  static let fates: [String: Fate] = [
    "kind": .carried, "backends": .carried, "protocol": .carried, "send_proxy": .carried, "policy": .carried,
    "health": .carried, "timeouts": .carried, "outlier_detection": .carried, "affinity": .carried,
    "tls": .told, "host": .told, "hash": .told, "balance_factor": .told, "slow_start": .told,
    "api_key": .told,
    "groups": .told, "overprovisioning": .told, "panic_threshold": .told, "compression": .told,
    "hedging": .told,
    "circuit_breakers": .told, "max_connections": .told, "max_requests_per_backend": .told, "queue": .told,
    "request_buffering": .told, "retries": .ownWork, "pass_key": .ownWork, "metrics": .ownWork,
    "kv_events": .ownWork, "heartbeat": .ownWork, "include_usage": .ownWork, "progress_timeout": .ownWork,
  ]

  /// Tells of what is written and is not carried, as far as nobody else does.
  func checkLeftovers(_ service: Service) {
    let rules = service.rules
    if rules.apiKey != nil {
      error(
        service.origin, "Google shows backends no api_key",
        "let clients send it, or have the backends take none")
    }
    switch service.host {
    case nil, .client?: break
    default: warn(service.origin, "host is not carried over to Google, which passes the client's on")
    }
    if rules.policy.goesByKey {
      warn(
        service.origin,
        "policy \(service.policyName) is not carried over to Google, where it is LEAST_REQUEST",
        "use affinity: address or a cookie")
    }
    let written: [(String, Bool)] = [
      ("slow_start", rules.slowStart != .never), ("hedging", rules.hedging != nil),
      ("request_buffering", rules.requestBuffering != nil),
    ]
    for (key, isWritten) in written where isWritten {
      warn(service.origin, "\(key) is not carried over to Google")
    }
  }
}
