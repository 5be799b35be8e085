public import Bytes
public import CertStore
public import PKI

/// A certificate that an issuer has given.
public protocol Issued: Sendable {
  /// The first moment of its validity.
  var notBefore: UnixTime { get }
  /// The last moment of its validity.
  var notAfter: UnixTime { get }
  /// Its name for renewal information (RFC 9773 §4.1), if it has one.
  var certificateID: String? { get }
}

extension CertificateChain: Issued {
  /// The leaf's.
  public var notBefore: UnixTime { leaf.notBefore }
  /// The leaf's.
  public var notAfter: UnixTime { leaf.notAfter }
  /// The leaf's.
  public var certificateID: String? { leaf.ariCertID }
}

/// What planning and issuing need of a store.
public protocol RenewalStore: Sendable {
  /// What has happened.
  func history(issuers: [String: IssuerTraits], now: UnixTime) throws(StoreError) -> History
  /// The certificate that is served, or nil when there is none that is fit.
  func held(_ name: LineageName, now: UnixTime) -> HeldCertificate?
  /// What a CA has told about when to renew a certificate.
  func renewalRecord(_ name: LineageName) -> RenewalRecord?
  /// The right to change one certificate; nil when somebody has it.
  func access(_ name: LineageName) throws(StoreError) -> (any LineageAccess)?
  /// Adds to what has happened; durable on return.
  func append(_ entry: LedgerEntry) throws(StoreError)
  /// What is read from now on until `endRun` may be read once.
  func beginRun()
  /// These certificates will be asked for in this run.
  func prepare(_ names: [LineageName]) async
  /// What was read may be kept for the next run.
  func endRun()
}

extension RenewalStore {
  /// Nothing is kept, unless told otherwise.
  public func beginRun() {}
  /// Nothing to prepare, unless told otherwise.
  public func prepare(_ names: [LineageName]) async {}
  /// Nothing is kept, unless told otherwise.
  public func endRun() {}
}

/// The right to change one certificate, given back with the value. Whatever is written is durable on return.
public protocol LineageAccess: Sendable {
  /// The order of a run that was cut off; nil when there is none, or its certificate is served already.
  func pendingOrder(now: UnixTime) throws(StoreError) -> PendingOrder?
  /// Records an order in progress.
  func recordOrder(_ order: PendingOrder) throws(StoreError)
  /// Forgets it.
  func clearOrder()
  /// Stores a new generation and serves it; its number.
  func publish(
    _ issued: any Issued, key: PrivateKey, meta: CertificateMeta, deploys: [DeployAction], now: UnixTime
  ) throws -> Int
  /// Records what a CA has told about when to renew.
  func record(_ record: RenewalRecord) throws(StoreError)
}

extension CertStore: RenewalStore {
  /// The ledger, indexed.
  public func history(issuers: [String: IssuerTraits], now: UnixTime) throws(StoreError) -> History {
    History(try ledger(now: now), issuers: issuers)
  }

  /// What a certificate in the store tells.
  public func held(_ name: LineageName, now: UnixTime) -> HeldCertificate? {
    guard let stored = load(name, now: now) else { return nil }
    var held = HeldCertificate(stored)
    held.isCompromised = (try? isCompromised(publicKeyInfo: stored.key.publicKeyInfo)) ?? false
    return held
  }

  /// Under the kernel's lock.
  public func access(_ name: LineageName) throws(StoreError) -> (any LineageAccess)? {
    guard let lock = try lock(name) else { return nil }
    return LockedLineage(self, lock)
  }
}

/// One certificate of the store while its lock is held.
private final class LockedLineage: LineageAccess {
  private let store: CertStore
  private let lock: LineageLock

  init(_ store: CertStore, _ lock: consuming LineageLock) {
    self.store = store
    self.lock = lock
  }

  func pendingOrder(now: UnixTime) throws(StoreError) -> PendingOrder? {
    guard let order = try store.order(lock, now: now) else { return nil }
    // A kill came between the publication and the end of the order.
    if let served = store.load(lock, now: now), served.chain.leaf.matches(order.key) { return nil }
    return order
  }

  func recordOrder(_ order: PendingOrder) throws(StoreError) { try store.recordOrder(lock, order) }
  func clearOrder() { store.clearOrder(lock) }
  func record(_ record: RenewalRecord) throws(StoreError) { try store.record(lock, record) }

  func publish(
    _ issued: any Issued, key: PrivateKey, meta: CertificateMeta, deploys: [DeployAction], now: UnixTime
  ) throws -> Int {
    guard let chain = issued as? CertificateChain else {
      throw StoreError.invalid("what was issued for \(lock.name) is no certificate chain")
    }
    let tasks = try deploys.enumerated().map { position, action in
      try DeployTask(
        name: lock.name, leaf: chain.leaf, action: action, domains: meta.identifiers, now: now,
        position: position)
    }
    return try store.publish(lock, key: key, chain: chain, meta: meta, deploys: tasks, now: now).generation
  }
}
