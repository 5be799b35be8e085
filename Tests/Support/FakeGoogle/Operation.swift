/// A change under way: what it will do when it is done, and how many looks at it that still takes.
struct Operation: Sendable {
  /// What the change does at its end.
  enum Effect: Sendable {
    case put(Resource)
    case remove
    case fail(code: String, message: String, status: Int)
  }

  let name: String
  let identifier: String
  let type: String
  /// `global`, `regions/R` or `zones/Z`; the parent's path for Certificate Manager.
  let scope: String
  /// The path of what is changed.
  let target: String
  let effect: Effect
  let requestID: String?
  /// Looks at it until it is done.
  var pollsLeft: Int
  let pollsAtStart: Int
  var isDone = false
  var error: (code: String, message: String, status: Int)?
  var result: JSON?

  /// As Compute answers it.
  func view(project: String) -> JSON {
    let status = isDone ? "DONE" : pollsLeft < pollsAtStart ? "RUNNING" : "PENDING"
    var view: JSON = [
      "kind": "compute#operation", "id": .string(identifier), "name": .string(name),
      "operationType": .string(type), "targetLink": .string(World.link + target), "status": .string(status),
      "progress": .number(isDone ? 100 : 0), "user": "tests@example.com",
      "insertTime": "2026-01-01T00:00:00.000-08:00",
      "selfLink": .string("\(World.link)projects/\(project)/\(scope)/operations/\(name)"),
    ]
    if scope.hasPrefix("regions/") { view["region"] = .string("\(World.link)projects/\(project)/\(scope)") }
    if scope.hasPrefix("zones/") { view["zone"] = .string("\(World.link)projects/\(project)/\(scope)") }
    if let requestID { view["clientOperationId"] = .string(requestID) }
    guard isDone else { return view }
    view["endTime"] = "2026-01-01T00:00:01.000-08:00"
    if let error {
      view["error"] = ["errors": [["code": .string(error.code), "message": .string(error.message)]]]
      view["httpErrorStatusCode"] = .number(Double(error.status))
      view["httpErrorMessage"] = "REFUSED"
    }
    return view
  }

  private static let rpcCodes = [400: 3, 403: 7, 404: 5, 409: 6, 412: 9, 429: 8, 500: 13, 503: 14]

  /// As Certificate Manager answers it: `done` is left out while it is false.
  var managerView: JSON {
    var view: JSON = [
      "name": .string(name),
      "metadata": [
        "@type": "type.googleapis.com/google.cloud.certificatemanager.v1.OperationMetadata",
        "target": .string(target), "verb": .string(type), "apiVersion": "v1", "requestedCancellation": false,
      ],
    ]
    guard isDone else { return view }
    view["done"] = true
    if let error {
      view["error"] = [
        "code": .number(Double(Self.rpcCodes[error.status] ?? 2)), "message": .string(error.message),
      ]
    } else {
      view["response"] = result ?? ["@type": "type.googleapis.com/google.protobuf.Empty"]
    }
    return view
  }
}

/// Something that Google keeps.
struct Resource: Sendable, Hashable {
  var body: JSON
  /// Of an uploaded certificate.
  var facts: CertificateFacts?
  /// Of a network endpoint group.
  var endpoints: [JSON] = []
  /// Counts changes, so that a fingerprint tells them.
  var version = 0
}
