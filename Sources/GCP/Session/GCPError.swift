public import HTTP

/// Something asked of Google that did not come to be: what was going on, what Google said, what to do.
///
/// Never holds a key, a token or a request's body.
public struct GCPError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Why.
  public enum Cause: Sendable, Equatable {
    /// No response came.
    case transport(TransportError)
    /// The call was refused.
    case refused(Problem)
    /// The call was accepted, and its operation failed.
    case operationFailed(Problem, operation: String)
    /// The operation was not done in time; it may still finish.
    case unfinished(operation: String, status: String, afterSeconds: Int)
    /// An answer that makes no sense.
    case unusable(String)
    /// No token could be had.
    case credentials(String)
    /// Nothing was asked of Google: it would have been wrong.
    case refusedHere(String)
    /// The task was cancelled.
    case cancelled
  }

  /// What was going on, for instance `inserting global/sslCertificates/certd-a-0123`.
  public var step: String
  /// Why it failed.
  public var cause: Cause
  /// What to do about it; nil when the cause says all.
  public var remedy: String?

  /// An error.
  public init(_ step: String, _ cause: Cause, remedy: String? = nil) {
    self.step = step
    self.cause = cause
    self.remedy = remedy ?? Self.remedy(for: cause)
  }

  /// Google's words, if it said any.
  public var problem: Problem? {
    switch cause {
    case .refused(let problem), .operationFailed(let problem, _): problem
    default: nil
    }
  }

  /// The IAM permission that is missing, if that is why.
  public var missingPermission: String? { problem?.permission }

  /// Whether the same call may succeed later although nothing is changed by anybody.
  public var isRetryable: Bool {
    switch cause {
    case .transport(let error): error.kind != .cancelled && error.kind != .tooLarge
    case .refused(let problem), .operationFailed(let problem, _):
      [.rateLimited, .notReady, .passing, .stale].contains(problem.kind)
    case .unfinished, .unusable: true
    case .credentials, .refusedHere, .cancelled: false
    }
  }

  /// One or two lines: what was going on, why not, what to do.
  public var description: String {
    let why: String =
      switch cause {
      case .transport(let error): error.description
      case .refused(let problem): Self.words(problem)
      case .operationFailed(let problem, let operation):
        "the operation \(operation) failed: \(Self.words(problem))"
      case .unfinished(let operation, let status, let seconds):
        "the operation \(operation) is still \(status) after \(seconds) s"
      case .unusable(let reason): "the answer is unusable: \(reason)"
      case .credentials(let reason), .refusedHere(let reason): reason
      case .cancelled: "cancelled"
      }
    return "\(step): \(why)" + (remedy.map { "; \($0)" } ?? "")
  }

  /// Whether nobody could be reached.
  static func isUnreachable(_ cause: Cause) -> Bool {
    if case .transport(let error) = cause { error.kind == .connect } else { false }
  }

  /// Whether the one who answered could not prove to be Google.
  static func isUntrusted(_ cause: Cause) -> Bool {
    guard case .transport(let error) = cause, error.kind == .tls else { return false }
    return error.description.contains("certificate verify failed")
  }

  private static func words(_ problem: Problem) -> String {
    let name = problem.reason.isEmpty ? problem.code : problem.reason
    let status = problem.status > 0 ? "\(problem.status)" : ""
    let head = [status, name].filter { !$0.isEmpty }.joined(separator: " ")
    return problem.message.isEmpty ? (head.isEmpty ? "no reason told" : head) : "\(head): \(problem.message)"
  }

  private static func remedy(for cause: Cause) -> String? {
    guard let problem = GCPError.problem(of: cause) else {
      if case .unfinished = cause { return "run the command again: it goes on where this one stopped" }
      if isUntrusted(cause) {
        return "a proxy that opens TLS may stand in between: name a file with its root under gcp.ca_file"
      }
      return isUnreachable(cause)
        ? "is this machine on the network, and may it go out (HTTPS_PROXY names a proxy)?" : nil
    }
    if [problem.reason, problem.code].contains("invalid_grant") {
      return
        "the account or its key was deleted or disabled, or this machine's clock is wrong: make a new key, or sign in "
        + "again"
    }
    if problem.status == 404, problem.message.lowercased().contains("project") {
      return "check gcp.project: 'gcloud projects list' shows those that the account sees"
    }
    switch problem.kind {
    case .denied:
      return problem.permission.map {
        "grant the account the permission \($0) ('certd gcp permissions' lists all that are needed)"
      } ?? "'certd gcp permissions' lists the permissions that are needed"
    case .disabled:
      return "enable the API: gcloud services enable \(problem.disabledService ?? API.compute.rawValue)"
    case .quotaExceeded:
      return "raise the quota, or remove what is not needed ('certd gcp prune' removes orphans of ours)"
    case .inUse: return "something still refers to it"
    case .unauthenticated:
      return "the credentials are not accepted; 'gcloud auth application-default login' renews a user's"
    default: return nil
    }
  }

  private static func problem(of cause: Cause) -> Problem? {
    switch cause {
    case .refused(let problem), .operationFailed(let problem, _): problem
    default: nil
    }
  }
}
