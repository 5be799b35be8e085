public import Bytes
public import HTTP
public import PKI

/// What the CA found wrong with one identifier.
public struct ValidationFailure: Sendable, Equatable, CustomStringConvertible {
  /// The name or address.
  public let identifier: Identifier
  /// The CA's reason.
  public let problem: Problem

  /// A failed validation.
  public init(identifier: Identifier, problem: Problem) {
    self.identifier = identifier
    self.problem = problem
  }

  /// `a.example: connection: …`
  public var description: String { "\(identifier): \(problem)" }
}

/// Why an ACME operation ended: who, at what step, about what, and when to try again.
public struct ACMEError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The step of the protocol at which it ended.
  public enum Step: String, Sendable, CaseIterable {
    // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
    case directory, nonce, account, newOrder = "new order", order, authorization, challenge, finalize,
      certificate, revocation, renewalInfo = "renewal information"
  }

  /// What happened.
  public enum Cause: Sendable, Equatable {
    /// The CA said no, with a problem document.
    case refused(Problem)
    /// The CA answered with a status that tells nothing more.
    case status(Int)
    /// The CA tried to validate identifiers and failed.
    case validation([ValidationFailure])
    /// The CA's answer made no sense.
    case unusable(String)
    /// The CA did not finish in time; the order may be resumed.
    case unfinished(String)
    /// No answer came.
    case transport(TransportError)
    /// We cannot go on: a setting, a key, or the caller's journal or responder.
    case local(String)
    /// The task was cancelled.
    case cancelled
  }

  /// Who has to act.
  public enum Party: String, Sendable {
    /// The CA, or what it saw of us.
    case ca
    /// Something between us and the CA.
    case network
    /// This host or its configuration.
    case us
  }

  /// Where it ended.
  public let step: Step
  /// What it was about, when it was one identifier.
  public let identifier: Identifier?
  /// What happened.
  public let cause: Cause
  /// The earliest time at which the CA wants to hear from us again, if it told.
  public let retryAfter: UnixTime?

  /// An error.
  public init(_ step: Step, _ cause: Cause, identifier: Identifier? = nil, retryAfter: UnixTime? = nil) {
    self.step = step
    self.identifier = identifier
    self.cause = cause
    self.retryAfter = retryAfter
  }

  /// Who has to act.
  public var party: Party {
    switch cause {
    case .refused, .status, .validation, .unusable, .unfinished: .ca
    case .transport: .network
    case .local, .cancelled: .us
    }
  }

  /// Whether the same request may succeed later without anyone changing anything here.
  public var isTransient: Bool {
    switch cause {
    case .transport(let error): error.kind != .cancelled
    case .unusable, .unfinished, .validation: true
    case .status(let status): status >= 500 || status == 429 || status == 408
    case .refused(let problem):
      retryAfter != nil || (problem.status ?? 0) >= 500
        || [.rateLimited, .serverInternal, .badNonce, .orderNotReady].contains(problem.kind)
    case .local, .cancelled: false
    }
  }

  /// The problem document behind it, if there is one.
  public var problem: Problem? {
    if case .refused(let problem) = cause { problem } else { nil }
  }

  /// `new order: a.example: the CA refused: rateLimited: …; not before 2026-11-22T15:04:05Z`
  public var description: String {
    let about = identifier.map { ": \($0)" } ?? ""
    let later = retryAfter.map { "; not before \($0)" } ?? ""
    return "\(step.rawValue)\(about): \(reason)\(later)"
  }

  private var reason: String {
    switch cause {
    case .refused(let problem): "the CA refused: \(problem)"
    case .status(let status): "the CA answered with status \(status)"
    case .validation(let failures):
      "the CA could not validate " + failures.map(\.description).joined(separator: "; ")
    case .unusable(let reason): "the CA's answer is unusable: \(reason)"
    case .unfinished(let reason): reason
    case .transport(let error): "no answer: \(error)"
    case .local(let reason): reason
    case .cancelled: "cancelled"
    }
  }
}
