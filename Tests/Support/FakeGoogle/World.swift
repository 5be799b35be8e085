import Bytes
import OS
import PKI

/// Everything that the stand-in knows at one moment: a value, so that tests can keep and restore it.
struct World: Sendable {
  /// What Compute's links begin with.
  static let link = "https://www.googleapis.com/compute/v1/"
  /// What references to Certificate Manager begin with.
  static let managerLink = "//certificatemanager.googleapis.com/"
  static let namePattern = "(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)"

  var settings: FakeGoogle.Settings
  /// Compute's resources by their path, `projects/P/global/sslCertificates/N`.
  var compute: [String: Resource] = [:]
  /// Certificate Manager's by their name.
  var manager: [String: Resource] = [:]
  /// Cloud DNS's zones by their names.
  var zones: [String: Zone] = [:]
  var operations: [String: Operation] = [:]
  /// The name of the unfinished operation on a path.
  var pending: [String: String] = [:]
  /// The operation that a request identifier began, by identifier and path.
  var requests: [String: String] = [:]
  var counter = 0
  var coverage = Coverage()
  var permissionsUsed: Set<String> = []
  /// Set while one call is served: it is to be accepted, and its operation to fail.
  var operationFault: Operation.Effect?

  var project: String { settings.project }

  mutating func next() -> Int {
    counter += 1
    return counter
  }

  mutating func newIdentifier() -> String { "\(4_000_000_000_000_000_000 + next())" }

  // MARK: Operations

  /// Begins a change; done at once when operations take no polls.
  mutating func begin(
    _ type: String, _ target: String, scope: String, name: String? = nil, requestID: String?, call: String,
    _ effect: Operation.Effect
  ) -> Operation {
    let polls = settings.pollsUntilDone
    let number = next()
    let operation = Operation(
      name: name ?? "operation-\(number)", identifier: newIdentifier(), type: type, scope: scope,
      target: target, effect: operationFault ?? effect, requestID: requestID, pollsLeft: polls,
      pollsAtStart: polls)
    operations[operation.name] = operation
    pending[target] = operation.name
    if let requestID { requests["\(requestID) \(call)"] = operation.name }
    if polls <= 0 { finish(operation.name) }
    return operations[operation.name] ?? operation
  }

  /// One look at an operation: it gets that much further.
  mutating func poll(_ name: String) {
    guard var operation = operations[name], !operation.isDone else { return }
    operation.pollsLeft -= 1
    operations[name] = operation
    if operation.pollsLeft <= 0 { finish(name) }
  }

  /// A call met what an unfinished operation changes: also a look, so that time passes for those who ask again.
  mutating func touch(_ path: String) {
    if let name = pending[path] { poll(name) }
  }

  /// Ends all operations, as minutes without any call would.
  mutating func settle() {
    for name in pending.values.sorted() { finish(name) }
  }

  private mutating func finish(_ name: String) {
    guard var operation = operations[name], !operation.isDone else { return }
    operation.isDone = true
    if pending[operation.target] == name { pending[operation.target] = nil }
    let isManager = !operation.scope.hasPrefix("global") && operation.scope.hasPrefix("projects/")
    switch operation.effect {
    case .fail(let code, let message, let status): operation.error = (code, message, status)
    case .put(let resource):
      if isManager {
        manager[operation.target] = resource
        operation.result = managerView(operation.target)
      } else {
        compute[operation.target] = resource
      }
    case .remove:
      do throws(Failure) {
        if isManager {
          try checkUnusedInManager(operation.target)
          manager[operation.target] = nil
        } else {
          try checkUnused(operation.target)
          compute[operation.target] = nil
        }
      } catch {
        let code = isManager ? "FAILED_PRECONDITION" : "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE"
        operation.error = (code, error.message, error.status)
      }
    }
    operations[name] = operation
    look("\(operation.type) \(operation.target)")
  }

  // MARK: Permissions

  mutating func permit(_ permission: String, on path: String) throws(Failure) {
    permissionsUsed.insert(permission)
    let allowed = settings.allowed.map { $0.contains(permission) } ?? true
    guard allowed, !settings.denied.contains(permission) else {
      guard permission.hasPrefix("compute.") else {
        throw Failure(
          403, "", "Permission '\(permission)' denied on '\(path)' (or it may not exist).",
          canonical: "PERMISSION_DENIED",
          details: [
            [
              "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "IAM_PERMISSION_DENIED",
              "metadata": ["permission": .string(permission), "resource": .string(path)],
            ]
          ])
      }
      throw Failure(403, "forbidden", "Required '\(permission)' permission for '\(path)'")
    }
  }

  // MARK: Names

  static func isName(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard (1...63).contains(bytes.count), let first = bytes.first, let last = bytes.last else { return false }
    func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }
    func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    return isLetter(first) && last != 0x2D
      && bytes.allSatisfy { isLetter($0) || isDigit($0) || $0 == 0x2D }
  }

  /// The path behind a reference in any of the forms that Google takes.
  func path(of url: String) -> String? {
    var rest = url[...]
    for prefix in [Self.link, "https://compute.googleapis.com/compute/v1/"] where rest.hasPrefix(prefix) {
      rest = rest.dropFirst(prefix.count)
    }
    if !rest.hasPrefix("projects/") { rest = "projects/\(project)/\(rest)" }
    let parts = rest.split(separator: "/", omittingEmptySubsequences: false)
    let isGlobal = parts.count == 5 && parts[2] == "global"
    let isPlaced = parts.count == 6 && (parts[2] == "regions" || parts[2] == "zones")
    guard isGlobal || isPlaced, parts.allSatisfy({ !$0.isEmpty }) else { return nil }
    return String(rest)
  }

  static func scope(of path: String) -> String {
    let parts = path.split(separator: "/")
    guard parts.count >= 5 else { return "" }
    return parts[2] == "global" ? "global" : "\(parts[2])/\(parts[3])"
  }

  static func collection(of path: String) -> String {
    String(path.split(separator: "/").dropLast().last ?? "")
  }
}
