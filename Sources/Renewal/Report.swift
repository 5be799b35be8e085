public import Bytes
public import CertStore

/// What became of everything in one run.
public struct Report: Sendable {
  /// What became of one certificate.
  public enum Outcome: Sendable, Equatable {
    /// A new generation is stored.
    case renewed(generation: Int, notAfter: UnixTime, reason: RenewalReason)
    /// It would be, were this no dry run.
    case wouldRenew(RenewalReason)
    /// It is not due before this moment.
    case notDue(until: UnixTime)
    /// It is due, but must wait.
    case waiting(until: UnixTime, why: String)
    /// Somebody else is at it, or has just been: no failure.
    case skipped(why: String)
    /// It failed; what was served before is still served.
    case failed(why: String)
  }

  /// One certificate.
  public struct Entry: Sendable, Equatable {
    /// Its name.
    public let name: LineageName
    /// What became of it.
    public let outcome: Outcome
    /// Who issued it, by the configuration's name; nil when nobody did.
    public let issuer: String?
    /// Why issuers before that one did not.
    public let remarks: [String]

    init(name: LineageName, outcome: Outcome, issuer: String? = nil, remarks: [String] = []) {
      self.issuer = issuer
      self.name = name
      self.outcome = outcome
      self.remarks = remarks
    }
  }

  /// One deployment that was tried.
  public struct Deploy: Sendable, Equatable {
    /// The certificate's name.
    public let name: String
    /// What was done, for people.
    public let what: String
    /// Why it failed, with the end of its output; nil when it succeeded.
    public let failure: String?
    /// When it is tried again by itself.
    public let nextAttemptAt: UnixTime?
    /// Why there was nothing to do; nil when something was done, or failed.
    public var whyNothing: String?

    /// A deployment that was tried.
    public init(name: String, what: String, failure: String?, nextAttemptAt: UnixTime? = nil) {
      self.name = name
      self.what = what
      self.failure = failure
      self.nextAttemptAt = nextAttemptAt
    }
  }

  /// Every managed certificate.
  public internal(set) var certificates: [Entry] = []
  /// Every deployment that was tried.
  public var deploys: [Deploy] = []
  /// What else went wrong, without any certificate failing by it.
  public internal(set) var warnings: [String] = []
  /// When to run again.
  public internal(set) var nextWakeAt: UnixTime

  /// Whether anything failed: a certificate, a deployment, or the clock.
  public var hasFailure: Bool {
    deploys.contains { $0.failure != nil }
      || certificates.contains { if case .failed = $0.outcome { true } else { false } }
  }
}
