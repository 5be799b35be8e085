public import Bytes
import OS

/// One thing that happened to a certificate, kept so that no restart forgets it.
public struct LedgerEntry: Codable, Sendable, Equatable {
  /// What happened.
  public enum Event: String, Codable, Sendable {
    /// An issuance began; without an outcome after it, it was cut off.
    case attempted
    /// The CA was asked for a new order.
    case ordered
    /// A certificate was stored.
    case issued
    /// The issuance failed.
    case failed
    /// It was rehearsed at the CA's staging environment, and went well.
    case rehearsed
    /// An account was registered; about no certificate.
    case registered
  }

  /// What kind of failure it was, for how long to wait.
  public enum Failure: String, Codable, Sendable {
    /// The CA could not reach us or did not see the right answer.
    case validation
    /// The CA limits how often it is asked.
    case rateLimited
    /// The CA could not be reached, or did not work.
    case unavailable
    /// Anything else.
    case other
  }

  /// When.
  public var at: UnixTime
  /// What happened.
  public var event: Event
  /// The certificate's name; empty for what is about none.
  public var name: String
  /// Who issues it, by the configuration's name.
  public var issuer: String
  /// What was asked for, canonical text.
  public var identifiers: [String]
  /// Of which kind a failure was.
  public var failure: Failure?
  /// The CA does not want to be asked before this moment.
  public var retryAfter: UnixTime?
  /// The CA that it happened at, by its directory's authority; nil for that of the issuer.
  public var authority: String?
  /// The account that it counts for, where the CA counts by account.
  public var account: String?
  /// The identifiers whose validation failed, where only some did.
  public var failedIdentifiers: [String]?
  /// Why it failed, for people; cut at `maximumDetailInBytes`.
  public var detail: String?

  /// The most bytes of a detail that are kept.
  public static let maximumDetailInBytes = 1000

  /// An entry.
  public init(
    at: UnixTime, event: Event, name: LineageName?, issuer: String, identifiers: [String],
    failure: Failure? = nil, retryAfter: UnixTime? = nil, detail: String? = nil
  ) {
    self.at = at
    self.event = event
    self.name = name?.description ?? ""
    self.issuer = issuer
    self.identifiers = identifiers
    self.failure = failure
    self.retryAfter = retryAfter
    self.detail = detail.map { String(decoding: $0.utf8.prefix(Self.maximumDetailInBytes), as: UTF8.self) }
  }
}

extension CertStore {
  /// How large the ledger becomes before it is set aside; one older part is kept. Together they hold the week that
  /// limits of CAs look back for several thousand short-lived certificates.
  public static let maximumLedgerInBytes = 4 << 20
  private static let lineFeed: UInt8 = 0x0A

  /// Adds an entry; it has reached the disk when this returns.
  public func append(_ entry: LedgerEntry) throws(StoreError) {
    try doing("writing the ledger") {
      var line = try StoreJSON.line(entry)
      try underStoreLock {
        let status = try fs.statusIfPresent(layout.ledger)
        let size = status?.sizeInBytes ?? 0
        if size > 0, size + line.count > Self.maximumLedgerInBytes {
          try fs.rename(layout.ledger, to: layout.olderLedger)
        } else if size > 0, try lastByte() != Self.lineFeed {
          // A line that was cut off by a kill must not swallow this one.
          line.insert(Self.lineFeed, at: 0)
        }
        try fs.append(layout.ledger, line, mode: 0o600)
        if status == nil || size + line.count > Self.maximumLedgerInBytes { try fs.flushDirectory(root) }
      }
    }
  }

  /// Every entry that is kept, oldest first; lines that were cut off or damaged are left out.
  /// A part that is no readable file is moved to quarantine.
  public func ledger(now: UnixTime) throws(StoreError) -> [LedgerEntry] {
    try doing("reading the ledger") {
      // Under the lock, so that no part is set aside between reading the two.
      let parts = try underStoreLock {
        [try readLedger(layout.olderLedger, now: now), try readLedger(layout.ledger, now: now)]
      }
      return parts.flatMap { $0.split(separator: Self.lineFeed) }
        .compactMap { StoreJSON.decode(LedgerEntry.self, $0) }
    }
  }

  private func readLedger(_ path: String, now: UnixTime) throws(SystemError) -> [UInt8] {
    do { return try fs.read(path, limitInBytes: 2 * Self.maximumLedgerInBytes) } catch {
      if error.isAbsence { return [] }
      if error.isResourceFailure { throw error }
      quarantine(path, subject: "ledger", reason: "\(error)", now: now)
      return []
    }
  }

  private func lastByte() throws -> UInt8? {
    try fs.read(layout.ledger, limitInBytes: 2 * Self.maximumLedgerInBytes).last
  }
}
