import Bytes
import CertStore
import PKI

/// An attempt to have one certificate issued by one issuer; what it writes down survives a kill.
struct Attempt: IssueProgress {
  let store: any RenewalStore
  let lineage: any LineageAccess
  let wanted: ManagedCertificate
  /// The issuer whose attempt it is, by the configuration's name.
  let issuer: String
  /// The CA and account that are asked: the issuer's, or those of its staging environment.
  let traits: IssuerTraits
  let environment: Executor.Environment
  /// Whether nothing of it is to be kept but the ledger's lines.
  var isRehearsal = false

  /// The order of a run that was cut off, if it is for the same thing, or a new one with a new key.
  func prepareOrder() async throws -> PendingOrder {
    let time = environment.now()
    if let order = try lineage.pendingOrder(now: time), order.issuer == issuer,
      Set(order.identifiers) == wanted.identifierTexts, order.key.type == wanted.keyType
    {
      return order
    }
    let order = PendingOrder(
      url: nil, identifiers: wanted.identifiers.map(\.description), issuer: issuer,
      key: try await environment.makeKey(wanted.keyType), startedAt: time)
    try lineage.recordOrder(order)
    try await environment.companions?.record(order, of: wanted.name)
    return order
  }

  func publish(_ issued: any Issued, _ key: PrivateKey) async throws -> Int {
    let time = environment.now()
    let url = try? lineage.pendingOrder(now: time)?.url
    var meta = CertificateMeta(
      identifiers: wanted.identifiers, keyType: wanted.keyType, issuer: issuer, storedAt: time, orderURL: url)
    if let companions = environment.companions, let chain = issued as? CertificateChain {
      meta.fleetGeneration = try await companions.publish(wanted.name, key: key, chain: chain, meta: meta)
    }
    return try lineage.publish(issued, key: key, meta: meta, deploys: wanted.deploys, now: time)
  }

  func note(_ event: LedgerEntry.Event, _ error: IssuerError? = nil) throws {
    var entry = LedgerEntry(
      at: environment.now(), event: event, name: wanted.name, issuer: issuer,
      identifiers: wanted.identifiers.map(\.description), failure: error?.kind, retryAfter: error?.retryAfter,
      detail: error?.description)
    entry.authority = traits.authority
    entry.account = traits.account
    entry.failedIdentifiers = error?.failedIdentifiers
    try store.append(entry)
    environment.companions?.note(entry)
  }

  func orderCreated(url: String) async throws {
    try note(.ordered)
    if isRehearsal { return }
    guard var order = try lineage.pendingOrder(now: environment.now()) else {
      throw StoreError.invalid("the order of \(wanted.name) has vanished from the store")
    }
    order.url = url
    try lineage.recordOrder(order)
    try await environment.companions?.record(order, of: wanted.name)
  }

  func orderClosed(url: String) async {
    guard !isRehearsal, var order = try? lineage.pendingOrder(now: environment.now()), order.url == url else {
      return
    }
    // No certificate has this key: the next order may. What is not written down is found out by resuming.
    order.url = nil
    try? lineage.recordOrder(order)
    try? await environment.companions?.record(order, of: wanted.name)
  }
}
