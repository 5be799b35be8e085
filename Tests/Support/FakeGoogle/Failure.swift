/// What Google answers to a call that it refuses.
struct Failure: Error {
  let status: Int
  /// The word of `errors[].reason`.
  let reason: String
  let message: String
  /// The canonical status; by the HTTP status when nil.
  var canonical: String?
  var details: JSON?

  init(_ status: Int, _ reason: String, _ message: String, canonical: String? = nil, details: JSON? = nil) {
    self.status = status
    self.reason = reason
    self.message = message
    self.canonical = canonical
    self.details = details
  }

  static func invalid(_ field: String, _ value: String, _ why: String) -> Failure {
    Failure(400, "invalid", "Invalid value for field 'resource.\(field)': '\(value)'. \(why)")
  }

  static func required(_ field: String) -> Failure {
    Failure(400, "required", "Required field 'resource.\(field)' not specified")
  }

  static func notFound(_ path: String) -> Failure {
    Failure(404, "notFound", "The resource '\(path)' was not found")
  }

  static func notReady(_ path: String) -> Failure {
    Failure(400, "resourceNotReady", "The resource '\(path)' is not ready")
  }

  static func inUse(_ path: String, by user: String) -> Failure {
    Failure(
      400, "resourceInUseByAnotherResource", "The resource '\(path)' is already being used by '\(user)'")
  }

  /// A refusal of Certificate Manager or Public CA, which have a canonical status and no reason.
  static func canonical(_ status: Int, _ canonical: String, _ message: String) -> Failure {
    Failure(status, "", message, canonical: canonical)
  }

  private static let statuses = [
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    409: "ALREADY_EXISTS", 412: "FAILED_PRECONDITION", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL",
    503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
  ]

  /// The answer's body: Compute keeps its old `errors` beside the newer members.
  func body(compute: Bool) -> JSON {
    var error: JSON = ["code": .number(Double(status)), "message": .string(message)]
    if compute {
      error["errors"] = [["message": .string(message), "domain": "global", "reason": .string(reason)]]
    }
    if let word = canonical ?? (compute ? nil : Self.statuses[status]) { error["status"] = .string(word) }
    if let details { error["details"] = details }
    return ["error": error]
  }
}
