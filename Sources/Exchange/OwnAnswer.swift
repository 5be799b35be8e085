public import HTTP
public import ModelAPI

/// What the proxy answers by itself when a request cannot be forwarded.
public enum OwnAnswer: Equatable, Sendable, BitwiseCopyable {
  /// The request's content is malformed.
  case badRequest
  /// The request's head does not fit.
  case headTooLarge
  /// The content is more than is kept of it for a backend that needs its length.
  case contentTooLarge
  /// The content is more than the route takes.
  case contentBeyondLimit
  /// The backend's answer of this status is replaced by a page of the route's.
  case replaced(UInt16)
  /// The request did not arrive in time.
  case requestTimeout
  /// No route for it.
  case noRoute
  /// No backend can have it.
  case noBackend
  /// Every backend has all that it may, and as many requests wait as may.
  case queueFull
  /// No backend has had room for the request in its time.
  case queueTimeout
  /// The service has as much under way as it may.
  case overLimit(ServiceLimit)
  /// The backend answered with something that is not HTTP, or broke off.
  case badGateway
  /// The backend did not answer in time.
  case backendTimeout
  /// The backend takes no WebSocket.
  case noTunnel
  /// Too much is under way.
  case overloaded
  /// The connection is not for this host (RFC 9110 §15.5.20).
  case misdirected
  /// A client certificate is needed.
  case certificateNeeded
  /// No key that the route knows came with it.
  case keyNeeded
  /// The path does not stand in its plain form, and the route takes no other.
  case pathNotNormal
  /// No service is for the model that is asked for.
  case modelUnknown
  /// The content names no model, and the route goes by it.
  case modelMissing
  /// The content cannot be read, and the route goes by the model in it.
  case modelUnread(RequestFault)
  /// The key is past its time.
  case keyExpired
  /// The key is not taken from the client's address.
  case keyElsewhere
  /// The key is for some models, and which one the request is for cannot be read.
  case modelUntold
  /// The key, or its group, has used up what it may have.
  case limited(LimitHit)
  /// The request's head is malformed.
  case refused(ParseError)

  /// The status code.
  public var status: Int {
    switch self {
    case .badRequest, .pathNotNormal, .modelMissing, .modelUnread: 400
    case .headTooLarge: 431
    case .contentTooLarge, .contentBeyondLimit: 413
    case .replaced(let status): Int(status)
    case .requestTimeout: 408
    case .noRoute, .modelUnknown: 404
    case .misdirected: 421
    case .certificateNeeded, .keyElsewhere, .modelUntold: 403
    case .keyNeeded, .keyExpired: 401
    case .limited: 429
    case .noBackend, .overloaded, .overLimit: 503
    case .queueFull, .queueTimeout: 429
    case .badGateway: 502
    case .backendTimeout: 504
    case .noTunnel: 501
    case .refused(let error): error.status
    }
  }

  /// OpenAI's `error.type`.
  public var type: String {
    switch self {
    case .badRequest, .headTooLarge, .contentTooLarge, .contentBeyondLimit, .requestTimeout, .noRoute,
      .misdirected,
      .pathNotNormal, .modelUnknown, .modelMissing, .modelUnread, .refused:
      "invalid_request_error"
    case .certificateNeeded, .keyElsewhere, .modelUntold: "permission_error"
    case .keyNeeded, .keyExpired: "authentication_error"
    case .limited(let hit): hit.what == .quota ? "insufficient_quota" : "rate_limit_error"
    case .queueFull, .queueTimeout: "rate_limit_error"
    case .noBackend, .badGateway, .backendTimeout, .noTunnel, .overloaded, .overLimit: "server_error"
    case .replaced(let status): status < 500 ? "invalid_request_error" : "server_error"
    }
  }

  /// OpenAI's `error.code`.
  public var code: String {
    switch self {
    case .badRequest, .refused: "bad_request"
    case .pathNotNormal: "path_not_normalized"
    case .headTooLarge: "head_too_large"
    case .contentTooLarge, .contentBeyondLimit: "content_too_large"
    case .replaced(let status): "status_\(status)"
    case .requestTimeout: "request_timeout"
    case .noRoute: "no_route"
    case .modelUnknown: "model_not_found"
    case .modelMissing, .modelUnread: "model_required"
    case .misdirected: "misdirected_request"
    case .certificateNeeded: "client_certificate_required"
    case .keyNeeded: "invalid_api_key"
    case .keyExpired: "expired_api_key"
    case .keyElsewhere: "address_not_allowed"
    case .modelUntold: "model_not_readable"
    case .limited(let hit): hit.what == .quota ? "insufficient_quota" : "rate_limit_exceeded"
    case .noBackend: "no_backend"
    case .queueFull: "queue_full"
    case .queueTimeout: "queue_timeout"
    case .overloaded: "overloaded"
    case .overLimit(let limit): limit.word
    case .badGateway: "bad_gateway"
    case .backendTimeout: "backend_timeout"
    case .noTunnel: "upgrade_not_supported"
    }
  }

  /// Says it in words; `detail` is the service's name, if there is one.
  public func message(_ detail: String) -> String {
    let service = detail.isEmpty ? "" : " of service '\(detail)'"
    switch self {
    case .badRequest: return "malformed request content"
    case .pathNotNormal:
      return
        "the path has dot segments, doubled slashes or percent-encoding that hide which route is meant"
    case .headTooLarge: return "header section too large"
    case .contentTooLarge: return "content too large to be kept for a backend that needs its length"
    case .contentBeyondLimit: return "the content is larger than this route takes"
    case .replaced(let status): return "the backend\(service) answered \(status)"
    case .requestTimeout: return "the request did not arrive within the time limit"
    case .noRoute: return "no route for this host and path"
    case .modelUnknown: return "the model does not exist here"
    case .modelMissing:
      return
        "the content must be a JSON object with one member 'model', the name of a model, written just so, or a call with a model_name"
    case .modelUnread(let fault):
      return
        "the content cannot be read at byte \(fault.offset), where \(fault.reason.expected) was expected; which engine is "
        + "meant goes by the member 'model' of a JSON object"
    case .misdirected:
      return "this connection's handshake was not for this host, or did not ask for a client certificate"
    case .certificateNeeded: return "a client certificate is required"
    case .keyNeeded:
      return "no valid API key came with the request: send one as Authorization: Bearer, or as x-api-key"
    case .keyExpired: return "the API key has expired"
    case .keyElsewhere: return "the API key is not taken from this address"
    case .modelUntold:
      return "the API key has limits, and what this request asks for cannot be read"
    case .limited(let hit): return hit.message
    case .overloaded: return "too much is under way; try again in a moment"
    case .overLimit(let limit):
      return
        "as much is under way\(service) as its circuit breaker \(limit.word) allows; try again in a moment"
    case .noBackend: return "no backend\(service) is available"
    case .queueFull: return "every backend\(service) is busy, and as many requests wait as may"
    case .queueTimeout: return "no backend\(service) has had room within the time that a request may wait"
    case .badGateway: return "the backend\(service) broke off or answered with something that is not HTTP"
    case .backendTimeout: return "the backend\(service) did not answer within the time limit"
    case .noTunnel: return "the backend\(service) takes no WebSocket over HTTP/2 (RFC 8441)"
    case .refused(let error): return "\(error.reason)"
    }
  }

  /// Whether the next request on the same connection can still be told from the rest of this one.
  public var keepsConnection: Bool {
    switch self {
    case .noRoute, .noBackend, .queueFull, .queueTimeout, .badGateway, .backendTimeout, .noTunnel, .overLimit,
      .misdirected, .certificateNeeded, .keyNeeded, .pathNotNormal, .modelUnknown, .modelMissing,
      .modelUnread, .keyExpired, .keyElsewhere, .modelUntold, .limited, .replaced:
      true
    case .badRequest, .headTooLarge, .contentTooLarge, .contentBeyondLimit, .requestTimeout, .refused,
      .overloaded:
      false
    }
  }

  /// gRPC's status code for it.
  public var callStatus: UInt64 {
    switch self {
    case .badRequest, .headTooLarge, .contentTooLarge, .pathNotNormal, .refused: 13
    case .contentBeyondLimit: 8
    case .replaced: 14
    case .modelMissing, .modelUnread: 3
    case .modelUnknown: 5
    case .noRoute, .noTunnel, .misdirected: 12
    case .certificateNeeded, .keyNeeded, .keyExpired: 16
    case .keyElsewhere, .modelUntold: 7
    case .limited: 8
    case .noBackend, .badGateway, .overloaded, .overLimit: 14
    case .queueFull, .queueTimeout: 8
    case .requestTimeout: 1
    case .backendTimeout: 4
    }
  }

  /// The reason phrase of a status of ours.
  public static func reason(_ status: Int) -> StaticString {
    switch status {
    case 200: "OK"
    case 204: "No Content"
    case 206: "Partial Content"
    case 301: "Moved Permanently"
    case 302: "Found"
    case 303: "See Other"
    case 304: "Not Modified"
    case 307: "Temporary Redirect"
    case 308: "Permanent Redirect"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 408: "Request Timeout"
    case 410: "Gone"
    case 414: "URI Too Long"
    case 416: "Range Not Satisfiable"
    case 417: "Expectation Failed"
    case 421: "Misdirected Request"
    case 429: "Too Many Requests"
    case 413: "Content Too Large"
    case 451: "Unavailable For Legal Reasons"
    case 431: "Request Header Fields Too Large"
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    case 505: "HTTP Version Not Supported"
    default: "Error"
    }
  }
}
