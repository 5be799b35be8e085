import Bytes
import CertStore
import PKI

extension Executor {
  /// Asks CAs about the certificates whose time to ask has come, so that what a run will order is known before it begins;
  /// what could not be heard.
  public func askAdvice(_ managed: [ManagedCertificate]) async -> [String] {
    store.beginRun()
    defer { store.endRun() }
    var report = Report(nextWakeAt: environment.now())
    await store.prepare(managed.map(\.name))
    await refreshAdvice(managed, &report)
    return report.warnings
  }

  /// Asks CAs about the certificates whose time to ask has come (RFC 9773 §4.3). No answer is no failure.
  func refreshAdvice(_ managed: [ManagedCertificate], _ report: inout Report) async {
    // A CA that does not answer is not waited for again and again: the others' renewals stand behind it.
    var silent: Set<String> = []
    for wanted in managed {
      guard let (issuer, name, id, previous) = adviceIsDue(wanted), !silent.contains(name) else { continue }
      let (record, warning, isSilent) = await ask(issuer, id, previous)
      if isSilent { silent.insert(name) }
      if let warning { report.warnings.append("\(wanted.name): no renewal information: \(warning)") }
      do {
        // Whoever holds the lock is renewing it: nothing to remember about this one.
        guard let lineage = try store.access(wanted.name) else { continue }
        if record != previous { try lineage.record(record) }
      } catch { report.warnings.append("\(error)") }
    }
  }

  /// Whom to ask about which certificate, and what was said before; nil when there is nothing to ask yet.
  func adviceIsDue(_ wanted: ManagedCertificate) -> (
    any Issuer, name: String, id: String, previous: RenewalRecord?
  )? {
    guard wanted.issuers.contains(where: { issuers[$0.name]?.givesAdvice ?? false }),
      let held = store.held(wanted.name, now: environment.now()), let name = held.issuer,
      wanted.isIssued(by: name), let issuer = issuers[name], issuer.givesAdvice,
      let id = held.certificateID
    else { return nil }
    let previous = store.renewalRecord(wanted.name)
    guard RenewalRecord.isDue(previous, certificateID: id, now: environment.now()) else { return nil }
    return (issuer, name, id, previous)
  }

  private func ask(
    _ issuer: any Issuer, _ id: String, _ previous: RenewalRecord?
  ) async -> (RenewalRecord, warning: String?, isSilent: Bool) {
    do throws(IssuerError) {
      guard let advice = try await issuer.advice(certificateID: id) else {
        let now = environment.now()
        // A moment without a window is not the CA's: it came with the certificate from another program.
        let own = previous?.windowStart == nil ? previous : nil
        return (
          .afterSilence(own, certificateID: id, retryAfter: now + RenewalRecord.unsupportedSeconds, now: now),
          nil, false
        )
      }
      return (
        .after(advice, previous, certificateID: id, now: environment.now(), random: environment.random()),
        nil,
        false
      )
    } catch {
      return (
        .afterSilence(previous, certificateID: id, retryAfter: error.retryAfter, now: environment.now()),
        error.description, error.kind == .unavailable || error.kind == .rateLimited
      )
    }
  }
}
