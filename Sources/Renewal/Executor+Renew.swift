import Bytes
import CertStore
import PKI

extension Executor {
  /// Obtains one certificate, where other nodes have the same as the one of them that has the right to.
  func renew(
    _ action: Action, _ planned: RenewalReason, _ force: Situation.Force, _ nextWakeAt: UnixTime
  ) async -> Report.Entry {
    guard let companions = environment.companions else {
      return await renewHere(action, planned, force, nextWakeAt)
    }
    let name = action.certificate.name
    if case .withheld(let why) = await companions.claim(name) {
      return Report.Entry(name: name, outcome: .skipped(why: why))
    }
    let entry = await renewHere(action, planned, force, nextWakeAt)
    await companions.release(name)
    return entry
  }

  /// Obtains one certificate under its lock, from the first of its issuers that gives it.
  private func renewHere(
    _ action: Action, _ planned: RenewalReason, _ force: Situation.Force, _ nextWakeAt: UnixTime
  ) async -> Report.Entry {
    let wanted = action.certificate
    func entry(_ outcome: Report.Outcome) -> Report.Entry {
      Report.Entry(name: wanted.name, outcome: outcome)
    }
    do {
      guard let lineage = try store.access(wanted.name) else {
        return entry(.skipped(why: "another process is working on it"))
      }
      var left = wanted
      var refusals: [String] = []
      while true {
        // Decided again: somebody may have renewed it, or failed to, before we had the lock.
        let now = try await decideAgain(left, force, nextWakeAt)
        guard let now, case .renew(_, let choice) = now.decision,
          !refusals.isEmpty || now.replaces == action.replaces
        else {
          guard refusals.isEmpty else { return entry(.failed(why: refusals.joined(separator: "; "))) }
          return entry(.skipped(why: "another process has just been working on it"))
        }
        switch await attempt(now, choice, planned, wanted, lineage) {
        case .settled(.renewed(let generation, let notAfter, let reason)):
          return Report.Entry(
            name: wanted.name, outcome: .renewed(generation: generation, notAfter: notAfter, reason: reason),
            issuer: choice.name, remarks: refusals)
        case .settled(.failed(let why)):
          return entry(.failed(why: (refusals + [why]).joined(separator: "; ")))
        case .settled(let outcome): return entry(outcome)
        case .handedOver(let why):
          refusals.append(wanted.issuers.count > 1 ? "\(choice.name): \(why)" : why)
          left.issuers.removeAll { $0 == choice }
          if left.issuers.isEmpty { return entry(.failed(why: refusals.joined(separator: "; "))) }
        }
      }
    } catch { return entry(.failed(why: "\(error)")) }
  }

  /// The decision about one certificate whose turn it is.
  private func decideAgain(
    _ wanted: ManagedCertificate, _ force: Situation.Force, _ nextWakeAt: UnixTime
  ) async throws(StoreError) -> Action? {
    var situation = try await situation([wanted], force, nextWakeAt: nextWakeAt)
    situation.isPaced = false
    return Plan.make(situation, policy).actions.first
  }

  /// What became of an attempt at one issuer.
  private enum Result {
    case settled(Report.Outcome)
    /// The issuer is down, refuses or limits us: the next one may be asked.
    case handedOver(why: String)
  }

  private func attempt(
    _ action: Action, _ choice: IssuerChoice, _ reason: RenewalReason, _ wanted: ManagedCertificate,
    _ lineage: any LineageAccess
  ) async -> Result {
    guard let issuer = issuers[choice.name] else {
      return .settled(.failed(why: "there is no issuer called \(choice.name)"))
    }
    let attempt = Attempt(
      store: store, lineage: lineage, wanted: wanted, issuer: choice.name, traits: policy.traits(choice.name),
      environment: environment)
    do {
      if let staging = action.rehearsal { try await rehearse(at: staging, choice, attempt) }
      return .settled(try await obtain(reason, choice, action.replaces, issuer, attempt))
    } catch let error as IssuerError {
      guard let kind = error.kind else { return .settled(.skipped(why: error.description)) }
      try? attempt.note(.failed, error)
      return kind == .validation
        ? .settled(.failed(why: error.description)) : .handedOver(why: error.description)
    } catch let failure as RehearsalFailure {
      return .settled(.failed(why: failure.description))
    } catch {
      let text = "\(error)"
      try? attempt.note(.failed, IssuerError(.other, text))
      guard case .unfit = error as? StoreError else { return .settled(.failed(why: text)) }
      lineage.clearOrder()
      return .handedOver(why: text)
    }
  }

  private func obtain(
    _ reason: RenewalReason, _ choice: IssuerChoice, _ replaces: String?, _ issuer: any Issuer,
    _ attempt: Attempt
  ) async throws -> Report.Outcome {
    let order = try await attempt.prepareOrder()
    try attempt.note(.attempted)
    let request = IssueRequest(
      identifiers: attempt.wanted.identifiers, key: order.key, profile: choice.profile,
      replaces: replaces,
      resuming: order.url)
    let issued = try await issuer.issue(request, progress: attempt)
    let generation = try await attempt.publish(issued, order.key)
    // The certificate is served: a ledger that cannot be written must not make this a failure.
    try? attempt.note(.issued)
    return .renewed(generation: generation, notAfter: issued.notAfter, reason: reason)
  }

  /// Why a rehearsal failed; it is in the ledger already.
  private struct RehearsalFailure: Error, CustomStringConvertible {
    let description: String
  }

  /// Has the CA's staging environment validate everything once. Returns when that went well, and also when the
  /// staging environment itself did not work: only a failed validation tells anything about us.
  private func rehearse(at staging: String, _ choice: IssuerChoice, _ real: Attempt) async throws {
    guard let issuer = issuers[staging] else { return }
    let attempt = Attempt(
      store: store, lineage: real.lineage, wanted: real.wanted, issuer: choice.name,
      traits: policy.traits(staging), environment: environment, isRehearsal: true)
    try attempt.note(.attempted)
    do {
      _ = try await issuer.issue(
        IssueRequest(
          identifiers: real.wanted.identifiers, key: try await environment.makeKey(real.wanted.keyType),
          profile: choice.profile),
        progress: attempt)
    } catch let error as IssuerError {
      guard let kind = error.kind else { throw error }
      if kind == .validation {
        try attempt.note(.failed, error)
        throw RehearsalFailure(description: "rehearsed at \(staging): \(error.description)")
      }
    }
    try attempt.note(.rehearsed)
  }
}
