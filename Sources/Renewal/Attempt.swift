import Bytes
import CertStore
import OS
import PKI

/// One certificate while its lock is held.
final class LineageWork: Sendable {
  let store: CertStore
  let lock: LineageLock
  let wanted: ManagedCertificate
  let now: @Sendable () -> UnixTime

  init(
    _ store: CertStore, _ lock: consuming LineageLock, _ wanted: ManagedCertificate,
    _ now: @escaping @Sendable () -> UnixTime
  ) {
    self.store = store
    self.lock = lock
    self.wanted = wanted
    self.now = now
  }
}

/// An attempt to have one certificate issued by one issuer; what it writes down survives a kill.
struct Attempt: IssueProgress {
  let work: LineageWork
  /// The issuer whose attempt it is, by the configuration's name.
  let issuer: String
  /// The CA and account that are asked: the issuer's, or those of its staging environment.
  let traits: IssuerTraits
  /// Whether nothing of it is to be kept but the ledger's lines.
  var isRehearsal = false

  private var wanted: ManagedCertificate { work.wanted }

  /// The order of a run that was cut off, if it is for the same thing, or a new one with a new key.
  func prepareOrder() async throws -> PendingOrder {
    let names = wanted.identifierTexts
    if let order = try work.store.order(work.lock, now: work.now()), order.issuer == issuer,
      Set(order.identifiers) == names, order.key.type == wanted.keyType, !isServed(order.key)
    {
      return order
    }
    let order = PendingOrder(
      url: nil, identifiers: wanted.identifiers.map(\.description), issuer: issuer, key: try await newKey(),
      startedAt: work.now())
    try work.store.recordOrder(work.lock, order)
    return order
  }

  /// A key of the wanted type that nobody else has.
  func newKey() async throws -> PrivateKey {
    let type = wanted.keyType
    return try await OwnThread.run { Result { try PrivateKey.generate(type) } }.get()
  }

  /// A kill came between the publication and the end of the order.
  private func isServed(_ key: PrivateKey) -> Bool {
    work.store.load(work.lock, now: work.now())?.chain.leaf.matches(key) ?? false
  }

  func publish(_ chain: CertificateChain, _ key: PrivateKey) throws -> StoredCertificate {
    let time = work.now()
    let url = try? work.store.order(work.lock, now: time)?.url
    let meta = CertificateMeta(
      identifiers: wanted.identifiers, keyType: wanted.keyType, issuer: issuer, storedAt: time, orderURL: url)
    let deploys = try wanted.deploys.enumerated().map { position, action in
      try DeployTask(
        name: wanted.name, leaf: chain.leaf, action: action, domains: wanted.identifiers.map(\.description),
        now: time, position: position)
    }
    return try work.store.publish(work.lock, key: key, chain: chain, meta: meta, deploys: deploys, now: time)
  }

  func note(_ event: LedgerEntry.Event, _ error: IssuerError? = nil) throws {
    var entry = LedgerEntry(
      at: work.now(), event: event, name: wanted.name, issuer: issuer,
      identifiers: wanted.identifiers.map(\.description), failure: error?.kind, retryAfter: error?.retryAfter,
      detail: error?.description)
    entry.authority = traits.authority
    entry.account = traits.account
    entry.failedIdentifiers = error?.failedIdentifiers
    try work.store.append(entry)
  }

  func dropOrder() { work.store.clearOrder(work.lock) }

  func orderCreated(url: String) async throws {
    try note(.ordered)
    if isRehearsal { return }
    guard var order = try work.store.order(work.lock, now: work.now()) else {
      throw StoreError.invalid("the order of \(wanted.name) has vanished from the store")
    }
    order.url = url
    try work.store.recordOrder(work.lock, order)
  }

  func orderClosed(url: String) async {
    guard !isRehearsal, var order = try? work.store.order(work.lock, now: work.now()), order.url == url else {
      return
    }
    // No certificate has this key: the next order may. What is not written down is found out by resuming.
    order.url = nil
    try? work.store.recordOrder(work.lock, order)
  }
}
