public import Bytes
public import OS
import PKI

/// A TXT record that was put into a zone for a validation, written down before, so that a killed run leaves none for good.
public struct PresentedRecord: Codable, Sendable, Equatable {
  /// What is validated.
  public var identifier: String
  /// The name that has the record.
  public var name: String
  /// The zone that it is in; nil when unknown.
  public var zone: String?
  /// Its value.
  public var value: String
  /// When it was put there.
  public var presentedAt: UnixTime
  /// Which run did.
  public var run: String

  /// A record.
  public init(
    identifier: String, name: String, zone: String?, value: String, presentedAt: UnixTime, run: String
  ) {
    self.identifier = identifier
    self.name = name
    self.zone = zone
    self.value = value
    self.presentedAt = presentedAt
    self.run = run
  }
}

extension CertStore {
  /// Shows, for as long as it is held, that a run lives and that its records are its own; nil for one that is shown
  /// already. `run` is hexadecimal.
  public func presence(of run: String) throws(StoreError) -> FileLock? {
    guard let path = lockPath(run) else { return nil }
    do throws(SystemError) {
      try ensureDirectory(layout.dnsRecords, shared: false)
      return try FileLock.tryAcquire(path, fs)
    } catch { throw .system(doing: "locking the DNS records of a run", error) }
  }

  /// The records of other runs that were killed.
  public func abandonedRecords(besides run: String, now: UnixTime) throws(StoreError) -> [PresentedRecord] {
    let others = try presentedRecords(now: now).filter { $0.run != run }
    var dead: Set<String> = []
    for other in Set(others.map(\.run)) {
      // The lock is given back at once: to remove a record twice is harmless.
      if lockPath(other) == nil {
        dead.insert(other)
      } else if try presence(of: other) != nil {
        dead.insert(other)
      }
    }
    return others.filter { dead.contains($0.run) }
  }

  /// Removes what shows whether a run lives, once it has no record any more.
  public func forgetRun(_ run: String) throws(StoreError) {
    try doing("forgetting the DNS records of a run") {
      if let path = lockPath(run) { try fs.unlinkIfPresent(path) }
    }
  }

  private func lockPath(_ run: String) -> String? {
    guard (1...64).contains(run.utf8.count), run.utf8.allSatisfy({ Hex.value(of: $0) != nil }) else {
      return nil
    }
    return "\(layout.dnsRecords)/\(run).lock"
  }

  /// Writes a record down; durable on return.
  public func note(_ record: PresentedRecord) throws(StoreError) {
    try doing("writing down a DNS record") {
      try underStoreLock {
        try ensureDirectory(layout.dnsRecords, shared: false)
        try fs.publish(try path(record), StoreJSON.file(record), mode: 0o600)
      }
    }
  }

  /// Forgets a record that is no longer in its zone.
  public func forget(_ record: PresentedRecord) throws(StoreError) {
    try doing("forgetting a DNS record") { try fs.unlinkIfPresent(try path(record)) }
  }

  /// Every record that is in a zone as far as is known. Damaged ones are moved to quarantine.
  public func presentedRecords(now: UnixTime) throws(StoreError) -> [PresentedRecord] {
    try doing("reading the DNS records in use") {
      guard try fs.statusIfPresent(layout.dnsRecords) != nil else { return [] }
      var records: [PresentedRecord] = []
      for file in try fs.list(layout.dnsRecords) where file.hasSuffix(".json") {
        let path = layout.dnsRecords + "/" + file
        switch try readRecord(PresentedRecord.self, path) {
        case .found(let record): records.append(record)
        case .missing: continue
        case .damaged(let reason):
          _ = try underStoreLock { quarantine(path, subject: "dns", reason: reason, now: now) }
        }
      }
      return records.sorted { ($0.presentedAt, $0.value) < ($1.presentedAt, $1.value) }
    }
  }

  private func path(_ record: PresentedRecord) throws(PKIError) -> String {
    let digest = try Digest.sha256(Array("\(record.name) \(record.value)".utf8))
    return "\(layout.dnsRecords)/\(Hex.encode(digest.prefix(16))).json"
  }
}
