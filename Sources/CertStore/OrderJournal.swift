public import Bytes
import OS
public import PKI

/// An order in progress: with it an issuance goes on after a kill instead of asking for another certificate.
public struct PendingOrder: Sendable {
  /// The order's URL at the CA; nil before the CA has told.
  public var url: String?
  /// What was asked for, canonical text.
  public var identifiers: [String]
  /// Who was asked, by the configuration's name.
  public var issuer: String
  /// The certificate's key, chosen before the order is finalized.
  public var key: PrivateKey
  /// When it began.
  public var startedAt: UnixTime

  /// An order in progress.
  public init(url: String?, identifiers: [String], issuer: String, key: PrivateKey, startedAt: UnixTime) {
    self.url = url
    self.identifiers = identifiers
    self.issuer = issuer
    self.key = key
    self.startedAt = startedAt
  }
}

/// The file of an order: the key is in it, so that the two can never be of different orders.
struct OrderRecord: Codable {
  var url: String?
  var identifiers: [String]
  var issuer: String
  var keyPEM: String
  var startedAt: UnixTime

  init(_ order: PendingOrder) throws(PKIError) {
    (url, identifiers, issuer) = (order.url, order.identifiers, order.issuer)
    keyPEM = String(decoding: try order.key.pem(), as: UTF8.self)
    startedAt = order.startedAt
  }

  /// The order; nil when its key is none.
  var order: PendingOrder? {
    guard let key = try? PrivateKey(pem: Array(keyPEM.utf8)) else { return nil }
    return PendingOrder(
      url: url, identifiers: identifiers, issuer: issuer, key: key, startedAt: startedAt)
  }
}

extension CertStore {
  /// The order in progress, or nil; a damaged one is moved to quarantine. One whose key is compromised is none.
  public func order(_ lock: borrowing LineageLock, now: UnixTime) throws(StoreError) -> PendingOrder? {
    let path = layout.order(lock.name)
    let subject = lock.name.description
    return try doing("reading the order of \(subject)") {
      let record: OrderRecord
      switch try readRecord(OrderRecord.self, path) {
      case .found(let found): record = found
      case .missing: return nil
      case .damaged(let reason):
        quarantine(path, subject: subject, reason: reason, now: now)
        return nil
      }
      guard let order = record.order else {
        quarantine(path, subject: subject, reason: "order.json has no key", now: now)
        return nil
      }
      return try isCompromised(publicKeyInfo: order.key.publicKeyInfo) ? nil : order
    }
  }

  /// The order in progress as another process may be changing it; nil when there is none that can be read.
  func peekOrder(_ name: LineageName) -> PendingOrder? {
    guard case .found(let record)? = try? readRecord(OrderRecord.self, layout.order(name)) else { return nil }
    return record.order
  }

  /// Records an order in progress, replacing the one before.
  public func recordOrder(_ lock: borrowing LineageLock, _ order: PendingOrder) throws(StoreError) {
    let path = layout.order(lock.name)
    try doing("recording the order of \(lock.name)") {
      try fs.publish(path, StoreJSON.file(try OrderRecord(order)), mode: 0o600)
    }
  }

  /// Forgets the order in progress: it is finished or of no use any more. One that cannot be removed is found
  /// finished when it is resumed.
  public func clearOrder(_ lock: borrowing LineageLock) { try? fs.unlink(layout.order(lock.name)) }
}
