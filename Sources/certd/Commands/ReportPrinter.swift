import Renewal

/// Tells what became of a run: all of it, or with `quiet` only what failed.
struct ReportPrinter {
  let quiet: Bool

  func tell(_ report: Report) {
    for entry in report.certificates { tell(entry) }
    for deploy in report.deploys {
      if let failure = deploy.failure {
        Output.error(
          "certd: \(deploy.name): \(deploy.what) failed, to be tried again by the next run: \(failure)")
      } else if !quiet {
        Output.line(
          "\(deploy.name): \(deploy.what) \(deploy.whyNothing.map { "not needed: \($0)" } ?? "done")")
      }
    }
    if !quiet { for warning in report.warnings { Output.error("certd: warning: \(warning)") } }
  }

  private func tell(_ entry: Report.Entry) {
    if !quiet, let issuer = entry.issuer {
      for remark in entry.remarks { Output.error("certd: \(entry.name): \(issuer) stood in: \(remark)") }
    }
    switch entry.outcome {
    case .failed(let why): Output.error("certd: \(entry.name): failed: \(why)")
    case .waiting(let until, let why):
      Output.error("certd: \(entry.name): due, but waiting until \(until): \(why)")
    case .renewed(let generation, let notAfter, let reason):
      say("\(entry.name): renewed (\(reason.rawValue)), generation \(generation), valid until \(notAfter)")
    case .wouldRenew(let reason): say("\(entry.name): would be renewed (\(reason.rawValue))")
    case .notDue(let until): say("\(entry.name): not due before \(until)")
    case .skipped(let why): say("\(entry.name): skipped: \(why)")
    }
  }

  private func say(_ text: @autoclosure () -> String) { if !quiet { Output.line(text()) } }
}

extension Report {
  /// Whether the exit status must tell of it: a failure, or a certificate that is due and has to wait.
  var deservesFailure: Bool {
    hasFailure || certificates.contains { if case .waiting = $0.outcome { true } else { false } }
  }
}
