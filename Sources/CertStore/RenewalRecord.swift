public import Bytes
import OS

/// What a CA has told about when to renew one certificate (RFC 9773), and the moment chosen from it.
public struct RenewalRecord: Codable, Sendable, Equatable {
  /// Which certificate it is about (RFC 9773 §4.1); void for any other one.
  public var certificateID: String
  /// The window suggested by the CA; nil while it has told nothing.
  public var windowStart: UnixTime?
  /// The window's end.
  public var windowEnd: UnixTime?
  /// The moment drawn from the window; drawn again only when the window changes.
  public var chosen: UnixTime?
  /// Not to be asked again before this moment.
  public var askAgainAt: UnixTime

  /// A record.
  public init(
    certificateID: String, windowStart: UnixTime? = nil, windowEnd: UnixTime? = nil, chosen: UnixTime? = nil,
    askAgainAt: UnixTime
  ) {
    self.certificateID = certificateID
    self.windowStart = windowStart
    self.windowEnd = windowEnd
    self.chosen = chosen
    self.askAgainAt = askAgainAt
  }
}

extension CertStore {
  /// The record of a certificate, or nil; a damaged one counts as none, it is asked for again.
  public func renewalRecord(_ name: LineageName) -> RenewalRecord? {
    let bytes = try? fs.readIfPresent(layout.renewal(name), limitInBytes: StoreJSON.maximumRecordInBytes)
    return bytes.flatMap { $0 }.flatMap { StoreJSON.decode(RenewalRecord.self, $0) }
  }

  /// Records what the CA has told.
  public func record(_ lock: borrowing LineageLock, _ record: RenewalRecord) throws(StoreError) {
    let path = layout.renewal(lock.name)
    try doing("recording the renewal time of \(lock.name)") {
      try fs.publish(path, StoreJSON.file(record), mode: 0o600)
    }
  }
}
