import Bytes
import CertStore
import OS
import PKI

extension Executor {
  /// Obtains one certificate under its lock.
  func renew(
    _ action: Action, _ planned: RenewalReason, _ force: Situation.Force, _ nextWakeAt: UnixTime
  ) async -> Report.Outcome {
    let wanted = action.certificate
    guard let issuer = issuers[wanted.issuer] else {
      return .failed(why: "there is no issuer called \(wanted.issuer)")
    }
    do {
      guard let lock = try store.lock(wanted.name) else {
        return .skipped(why: "another process is working on it")
      }
      let work = LineageWork(store, lock, wanted, environment.now)
      // Decided again: somebody may have renewed it, or failed to, before we had the lock.
      let now = try await Plan.make(situation([wanted], force, nextWakeAt: nextWakeAt), policy).actions.first
      guard let now, case .renew = now.decision, now.replaces == action.replaces else {
        return .skipped(why: "another process has just been working on it")
      }
      return try await obtain(wanted, planned, now.replaces, issuer, work)
    } catch { return .failed(why: "\(error)") }
  }

  private func obtain(
    _ wanted: ManagedCertificate, _ reason: RenewalReason, _ replaces: String?, _ issuer: any Issuer,
    _ work: LineageWork
  ) async throws -> Report.Outcome {
    let order = try await work.prepareOrder()
    try work.note(.attempted)
    do {
      let request = IssueRequest(
        identifiers: wanted.identifiers, key: order.key, profile: wanted.profile, replaces: replaces,
        resuming: order.url)
      let chain = try await issuer.issue(request, progress: work)
      let stored = try work.publish(chain, order.key)
      // The certificate is served: a ledger that cannot be written must not make this a failure.
      try? work.note(.issued)
      return .renewed(generation: stored.generation, notAfter: chain.leaf.notAfter, reason: reason)
    } catch let error as IssuerError {
      guard let kind = error.kind else { return .skipped(why: error.description) }
      try? work.note(.failed, kind, error.description, retryAfter: error.retryAfter)
      return .failed(why: error.description)
    } catch {
      if case .unfit = error as? StoreError { work.dropOrder() }
      try? work.note(.failed, .other, "\(error)")
      return .failed(why: "\(error)")
    }
  }
}

/// One certificate while its lock is held; what it writes down survives a kill.
final class LineageWork: IssueProgress {
  private let store: CertStore
  private let lock: LineageLock
  private let wanted: ManagedCertificate
  private let now: @Sendable () -> UnixTime

  init(
    _ store: CertStore, _ lock: consuming LineageLock, _ wanted: ManagedCertificate,
    _ now: @escaping @Sendable () -> UnixTime
  ) {
    self.store = store
    self.lock = lock
    self.wanted = wanted
    self.now = now
  }

  /// The order of a run that was cut off, if it is for the same thing, or a new one with a new key.
  func prepareOrder() async throws -> PendingOrder {
    let names = wanted.identifierTexts
    if let order = try store.order(lock, now: now()), order.issuer == wanted.issuer,
      Set(order.identifiers) == names, order.key.type == wanted.keyType, !isServed(order.key)
    {
      return order
    }
    let type = wanted.keyType
    let key = try await OwnThread.run { Result { try PrivateKey.generate(type) } }.get()
    let order = PendingOrder(
      url: nil, identifiers: wanted.identifiers.map(\.description), issuer: wanted.issuer, key: key,
      startedAt: now())
    try store.recordOrder(lock, order)
    return order
  }

  /// A kill came between the publication and the end of the order.
  private func isServed(_ key: PrivateKey) -> Bool {
    store.load(lock, now: now())?.chain.leaf.matches(key) ?? false
  }

  func publish(_ chain: CertificateChain, _ key: PrivateKey) throws -> StoredCertificate {
    let time = now()
    let url = try? store.order(lock, now: time)?.url
    let meta = CertificateMeta(
      identifiers: wanted.identifiers, keyType: wanted.keyType, issuer: wanted.issuer, storedAt: time,
      orderURL: url)
    let deploys = try wanted.deploys.map {
      try DeployTask(
        name: wanted.name, leaf: chain.leaf, action: $0, domains: wanted.identifiers.map(\.description),
        now: time)
    }
    return try store.publish(lock, key: key, chain: chain, meta: meta, deploys: deploys, now: time)
  }

  func note(
    _ event: LedgerEntry.Event, _ failure: LedgerEntry.Failure? = nil, _ detail: String? = nil,
    retryAfter: UnixTime? = nil
  ) throws {
    try store.append(
      LedgerEntry(
        at: now(), event: event, name: wanted.name, issuer: wanted.issuer,
        identifiers: wanted.identifiers.map(\.description), failure: failure, retryAfter: retryAfter,
        detail: detail))
  }

  func dropOrder() { store.clearOrder(lock) }

  func orderCreated(url: String) async throws {
    try note(.ordered)
    guard var order = try store.order(lock, now: now()) else {
      throw StoreError.invalid("the order of \(wanted.name) has vanished from the store")
    }
    order.url = url
    try store.recordOrder(lock, order)
  }

  func orderClosed(url: String) async {
    guard var order = try? store.order(lock, now: now()), order.url == url else { return }
    // No certificate has this key: the next order may. What is not written down is found out by resuming.
    order.url = nil
    try? store.recordOrder(lock, order)
  }
}
