internal import JSON

/// An error as Google reports it, in whichever of its shapes.
public struct Problem: Sendable, Equatable {
  /// The HTTP status, or that of a failed operation; 0 when none was told.
  public var status: Int
  /// Compute's word (`alreadyExists`), an operation's code (`QUOTA_EXCEEDED`), or the reason in the details.
  public var reason: String
  /// The canonical code, such as `PERMISSION_DENIED`; empty when not told.
  public var code: String
  /// Google's words; those of an HTML page are left out.
  public var message: String
  /// The IAM permission that is missing.
  public var permission: String?
  /// The service that is not enabled, for instance `compute.googleapis.com`.
  public var disabledService: String?

  /// The longest message kept, in characters.
  static let maximumMessageCharacters = 1000

  /// Reads the body of an answer that is no success.
  init(status: Int, body: [UInt8]) {
    self.status = status
    reason = ""
    code = ""
    message = ""
    guard let json = try? JSONValue(parsing: body) else { return }
    let error = json["error"] ?? json
    // The token services answer `{"error": "invalid_grant", "error_description": "…"}` (RFC 6749 §5.2).
    if let word = error.string {
      reason = word
      message = json["error_description"]?.string ?? ""
    } else {
      code = error["status"]?.string ?? ""
      reason = error["errors"]?[0]?["reason"]?.string ?? ""
      message = error["message"]?.string ?? ""
      readDetails(error["details"]?.elements ?? [])
    }
    finish()
  }

  /// A Compute operation that is done and failed (`error.errors[]`).
  init(computeOperation operation: JSONValue) {
    let errors = operation["error"]?["errors"]?.elements ?? []
    status = Int(clamping: operation["httpErrorStatusCode"]?.int ?? 0)
    reason = errors.first?["code"]?.string ?? ""
    code = ""
    message = errors.compactMap { $0["message"]?.string }.joined(separator: "; ")
    if message.isEmpty { message = operation["httpErrorMessage"]?.string ?? "" }
    finish()
  }

  /// A `google.rpc.Status`, as Certificate Manager's operations fail with.
  init(status error: JSONValue) {
    let number = error["code"]?.int ?? 2
    (status, code) = Self.canonical[number] ?? (500, "UNKNOWN")
    reason = ""
    message = error["message"]?.string ?? ""
    readDetails(error["details"]?.elements ?? [])
    finish()
  }

  /// A problem with known words, for tests and callers.
  init(status: Int, reason: String, message: String) {
    self.status = status
    self.reason = reason
    code = ""
    self.message = message
    finish()
  }

  private mutating func readDetails(_ details: [JSONValue]) {
    for detail in details {
      guard let word = detail["reason"]?.string else { continue }
      if reason.isEmpty { reason = word }
      if word == "SERVICE_DISABLED" { disabledService = detail["metadata"]?["service"]?.string }
      if word == "IAM_PERMISSION_DENIED" { permission = detail["metadata"]?["permission"]?.string }
    }
  }

  private mutating func finish() {
    if message.count > Self.maximumMessageCharacters {
      message = String(message.prefix(Self.maximumMessageCharacters)) + "…"
    }
    if status == 403, permission == nil { permission = Self.permission(in: message) }
  }

  /// The permission in "Required 'compute.sslCertificates.create' permission for …" and its kin.
  static func permission(in message: String) -> String? {
    let quoted = message.split(separator: "'", omittingEmptySubsequences: false)
    for index in stride(from: 1, to: quoted.count, by: 2) where quoted[index].split(separator: ".").count == 3
    {
      let isOne = quoted[index].utf8.allSatisfy { c in
        (0x61...0x7A).contains(c | 0x20) || c == 0x2E || (0x30...0x39).contains(c)
      }
      if isOne { return String(quoted[index]) }
    }
    return nil
  }

  /// google.rpc.Code, with the HTTP status that Google maps it to.
  private static let canonical: [Int64: (Int, String)] = [
    1: (499, "CANCELLED"), 2: (500, "UNKNOWN"), 3: (400, "INVALID_ARGUMENT"),
    4: (504, "DEADLINE_EXCEEDED"), 5: (404, "NOT_FOUND"), 6: (409, "ALREADY_EXISTS"),
    7: (403, "PERMISSION_DENIED"), 8: (429, "RESOURCE_EXHAUSTED"), 9: (400, "FAILED_PRECONDITION"),
    10: (409, "ABORTED"), 11: (400, "OUT_OF_RANGE"), 12: (501, "UNIMPLEMENTED"), 13: (500, "INTERNAL"),
    14: (503, "UNAVAILABLE"), 15: (500, "DATA_LOSS"), 16: (401, "UNAUTHENTICATED"),
  ]

  /// The same words for the same thing, whichever interface said it.
  public var kind: Kind {
    switch reason {
    case "rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED": return .rateLimited
    case "quotaExceeded", "QUOTA_EXCEEDED", "limitExceeded": return .quotaExceeded
    case "resourceNotReady", "RESOURCE_NOT_READY", "resourceInUse": return .notReady
    case "resourceInUseByAnotherResource", "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE": return .inUse
    case "alreadyExists", "duplicate", "RESOURCE_ALREADY_EXISTS": return .alreadyExists
    case "notFound", "RESOURCE_NOT_FOUND": return .notFound
    case "accessNotConfigured", "SERVICE_DISABLED": return .disabled
    case "conditionNotMet", "CONDITION_NOT_MET": return .stale
    case "INTERNAL_ERROR", "RESOURCE_OPERATION_RATE_EXCEEDED": return .passing
    default: break
    }
    switch (status, code) {
    case (429, _): return .rateLimited
    case (400, "FAILED_PRECONDITION") where message.contains("in use") || message.contains("still used"):
      return .inUse
    case (409, "ALREADY_EXISTS"): return .alreadyExists
    case (409, "ABORTED"): return .notReady
    case (401, _): return .unauthenticated
    case (403, _): return .denied
    case (404, _): return .notFound
    case (409, _): return .alreadyExists
    case (412, _): return .stale
    case (408, _), (500..., _): return .passing
    default: return .other
    }
  }

  /// What kinds of problem are told apart.
  public enum Kind: Sendable, Equatable {
    case rateLimited, quotaExceeded, notReady, inUse, alreadyExists, notFound, disabled, stale, passing
    case unauthenticated, denied, other
  }
}
