public import Bytes
import OS

/// Every certificate of a store at one moment.
public struct Inventory: Sendable {
  /// The certificates fit to be served, by name.
  public var certificates: [StoredCertificate]
  /// What was found damaged, and what was done about it.
  public var problems: [StoreProblem]
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
      return result
    }
    for text in names {
      let path = layout.certificates + "/" + text
      let isDirectory: Bool
      do { isDirectory = try fs.status(path, followingLinks: true).kind == .directory } catch {
        if !error.isAbsence { result.problems.append(note(text, "\(error)", "")) }
        continue
      }
      guard isDirectory, let name = LineageName(text) else {
        if let problem = setStrayAside(path, text, now) { result.problems.append(problem) }
        continue
      }
      let (certificate, problems) = examine(name, now: now)
      result.problems += problems
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

  private func setStrayAside(_ path: String, _ subject: String, _ now: UnixTime) -> StoreProblem? {
    try? underStoreLock {
      quarantine(path, subject: subject, reason: "not a certificate's directory", now: now)
    }
  }

  private func examine(_ name: LineageName, now: UnixTime) -> (StoredCertificate?, [StoreProblem]) {
    removeScratch(of: name)
    let first = survey(name)
    if first.isWhole { return (first.certificate, []) }
    guard let lock = try? self.lock(name) else {
      return (first.certificate, first.findings.map { note(name.description, $0.message, "") })
    }
    // Surveyed again: it may have changed before we had the lock.
    return repair(lock, survey(name), now: now)
  }
}
