public import Bytes
import OS

/// Every certificate of a store at one moment.
public struct Inventory: Sendable {
  /// The certificates fit to be served, by name.
  public var certificates: [StoredCertificate]
  /// What was found damaged, and what was done about it.
  public var problems: [StoreProblem]
  /// Certificates that could not be read to the end because the system failed: what was known of them before may still be
  /// right.
  public var unread: Set<String> = []
  /// Not even their names could be read: the same holds for all.
  public var isUnread = false

  /// Whether nothing is known of a certificate but what was known before.
  public func isUnread(_ name: String) -> Bool { isUnread || unread.contains(name) }
}

extension CertStore {
  /// Reads every certificate. Never fails for one of them: what is damaged is moved to `quarantine/`, an
  /// older generation takes its place if one is whole, and the rest is read on.
  ///
  /// Moves nothing while another process changes that certificate. Expired certificates are included.
  public func inventory(now: UnixTime) -> Inventory {
    var result = Inventory(certificates: [], problems: [])
    let names: [String]
    do { names = try fs.list(layout.certificates) } catch {
      result.problems.append(note("certificates", "\(error)", ""))
      result.isUnread = true
      return result
    }
    for text in names {
      let path = layout.certificates + "/" + text
      let isDirectory: Bool
      do { isDirectory = try fs.status(path, followingLinks: true).kind == .directory } catch {
        if !error.isAbsence {
          result.problems.append(note(text, "\(error)", ""))
          result.unread.insert(text)
        }
        continue
      }
      guard isDirectory, let name = LineageName(text) else {
        if let problem = setStrayAside(path, text, now) { result.problems.append(problem) }
        continue
      }
      let (certificate, problems, isUncertain) = examine(name, now: now)
      result.problems += problems
      if isUncertain { result.unread.insert(text) }
      if let certificate { result.certificates.append(certificate) }
    }
    return result
  }

  /// The served generation of one certificate, or nil when there is none that is fit; damage is treated as in
  /// `inventory` and goes to `report`.
  public func load(_ name: LineageName, now: UnixTime) -> StoredCertificate? {
    guard (try? fs.status(layout.lineage(name), followingLinks: true))?.kind == .directory else { return nil }
    return examine(name, now: now).0
  }

  /// The same for whoever holds the lock already.
  public func load(_ lock: borrowing LineageLock, now: UnixTime) -> StoredCertificate? {
    repair(lock, survey(lock.name), now: now).0
  }

  /// The same, or the failure of the system that kept it from being read.
  public func loadOrFail(_ lock: borrowing LineageLock, now: UnixTime) throws(StoreError)
    -> StoredCertificate?
  {
    let found = survey(lock.name)
    if found.isUncertain {
      throw .invalid("\(lock.name): \(found.findings.first?.message ?? "it could not be read")")
    }
    return repair(lock, found, now: now).0
  }

  private func setStrayAside(_ path: String, _ subject: String, _ now: UnixTime) -> StoreProblem? {
    try? underStoreLock {
      quarantine(path, subject: subject, reason: "not a certificate's directory", now: now)
    }
  }

  private func examine(_ name: LineageName, now: UnixTime) -> (
    StoredCertificate?, [StoreProblem], isUncertain: Bool
  ) {
    removeScratch(of: name)
    let first = survey(name)
    if first.isWhole { return (first.certificate, [], false) }
    guard let lock = try? self.lock(name) else {
      let problems = first.findings.map { note(name.description, $0.message, "") }
      return (first.certificate, problems, first.isUncertain)
    }
    // Surveyed again: it may have changed before we had the lock.
    let second = survey(name)
    let (certificate, problems) = repair(lock, second, now: now)
    return (certificate, problems, second.isUncertain)
  }
}
