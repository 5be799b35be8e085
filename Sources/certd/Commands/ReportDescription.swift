import Bytes
import CertStore
import Renewal

/// What became of one run, as `renew -o json` tells it.
struct ReportDescription: Encodable {
  struct Certificate: Encodable {
    let name: String
    /// renewed, would-renew, not-due, waiting, skipped or failed.
    let outcome: String
    var reason: String?
    var generation: Int?
    var notAfter: String?
    var until: String?
    var error: String?
    /// Who issued it, by the configuration's name.
    var issuer: String?
    /// Why issuers before that one did not.
    var passedOver: [String]?
  }

  struct Deploy: Encodable {
    let name: String
    let what: String
    let succeeded: Bool
    let error: String?
    let nextAttemptAt: String?
  }

  var certificates: [Certificate] = []
  var deploys: [Deploy] = []
  var warnings: [String] = []
  /// What went wrong before anything could be asked for.
  var errors: [String] = []

  mutating func add(_ report: Report) {
    certificates += report.certificates.map(Certificate.init)
    deploys += report.deploys.map {
      Deploy(
        name: $0.name, what: $0.what, succeeded: $0.failure == nil, error: $0.failure,
        nextAttemptAt: $0.nextAttemptAt?.description)
    }
    warnings += report.warnings
  }
}

extension ReportDescription.Certificate {
  init(_ entry: Report.Entry) {
    let name = entry.name.description
    switch entry.outcome {
    case .renewed(let generation, let notAfter, let reason):
      self.init(
        name: name, outcome: "renewed", reason: reason.rawValue, generation: generation,
        notAfter: notAfter.description, issuer: entry.issuer,
        passedOver: entry.remarks.isEmpty ? nil : entry.remarks)
    case .wouldRenew(let reason): self.init(name: name, outcome: "would-renew", reason: reason.rawValue)
    case .notDue(let until): self.init(name: name, outcome: "not-due", until: until.description)
    case .waiting(let until, let why):
      self.init(name: name, outcome: "waiting", until: until.description, error: why)
    case .skipped(let why): self.init(name: name, outcome: "skipped", error: why)
    case .failed(let why): self.init(name: name, outcome: "failed", error: why)
    }
  }
}

/// What the exit status of `renew` is made of.
struct RenewOutcome {
  /// Whether anybody wants the description.
  let isDescribed: Bool
  private(set) var description = ReportDescription()
  private(set) var hasRenewed = false
  private(set) var hasFailed = false
  private(set) var hasFailedDeploy = false

  init(isDescribed: Bool) { self.isDescribed = isDescribed }

  mutating func add(_ report: Report) {
    if isDescribed { description.add(report) }
    for entry in report.certificates {
      switch entry.outcome {
      case .renewed, .wouldRenew: hasRenewed = true
      case .failed, .waiting: hasFailed = true
      case .notDue, .skipped: break
      }
    }
    if report.deploys.contains(where: { $0.failure != nil }) { hasFailedDeploy = true }
  }

  mutating func fail(_ why: String) {
    description.errors.append(why)
    hasFailed = true
  }
}
