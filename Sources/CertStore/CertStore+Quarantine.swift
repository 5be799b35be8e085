import Bytes
import OS

extension CertStore {
  /// How many things are kept in quarantine; the oldest go first.
  public static let maximumQuarantined = 100

  /// Moves something damaged aside, with a note of the reason beside it, and reports it.
  ///
  /// The caller holds the lock that covers the path. Never throws: what cannot be moved is reported and
  /// stays where it is.
  @discardableResult
  func quarantine(_ path: String, subject: String, reason: String, now: UnixTime) -> StoreProblem {
    var action = ""
    do {
      let stamp = now.description.filter { $0 != "-" && $0 != ":" }
      let name = layout.relative(path).map { $0 == "/" ? "-" : String($0) }.joined().suffix(180)
      let target = try freeName("\(layout.quarantine)/\(stamp)-\(name)")
      try fs.rename(path, to: target)
      try fs.flushDirectory(FileSystem.parent(of: path))
      action = "moved to \(layout.relative(target))"
      try fs.writeNew(target + ".reason", Array((subject + ": " + reason + "\n").utf8), mode: 0o600)
      try fs.flushDirectory(layout.quarantine)
    } catch { if action.isEmpty { action = "could not be moved aside (\(error))" } }
    forgetOldest()
    return note(subject, reason, action)
  }

  /// Reports something damaged.
  func note(_ subject: String, _ message: String, _ action: String) -> StoreProblem {
    let problem = StoreProblem(subject: subject, message: message, action: action)
    report(problem)
    return problem
  }

  private func freeName(_ wanted: String) throws(SystemError) -> String {
    for n in 1...1000 {
      let name = n == 1 ? wanted : "\(wanted)-\(n)"
      if try fs.statusIfPresent(name) == nil { return name }
    }
    return wanted
  }

  /// Names begin with their time, so that they sort by age.
  private func forgetOldest() {
    guard let names = try? fs.list(layout.quarantine) else { return }
    let things = names.filter { !$0.hasSuffix(".reason") }
    for name in things.dropLast(Self.maximumQuarantined) {
      try? fs.removeTree("\(layout.quarantine)/\(name)", inside: layout.quarantine)
      try? fs.unlink("\(layout.quarantine)/\(name).reason")
    }
  }
}
