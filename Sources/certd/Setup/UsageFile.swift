import APIKeys
import Bytes
import OS
import SQLite
import Synchronization

/// What keys have used, kept over restarts: a table in the store. What cannot be kept is told, and counting goes on.
final class UsageFile: Sendable {
  /// How often what has changed is written, in seconds: a crash loses so much at most.
  static let flushSeconds = 1.0
  /// How long what was used is kept, in milliseconds: two months, the longest limit and more.
  static let keptMilliseconds: UInt64 = 62 * 86_400_000

  private let path: String
  private let usages: KeyUsages
  private let warn: @Sendable (String) -> Void
  private let state = Mutex(State())

  // One thread at a time has it: it stands in the lock.
  private struct State: ~Copyable, @unchecked Sendable {
    var database: Database?
    var isTold = false
    /// What was used before has been taken over, or is lost.
    var isRestored = false
  }

  /// A table for what `usages` count, in a file of that directory.
  init(directory: String, _ usages: KeyUsages, warn: @escaping @Sendable (String) -> Void) {
    path = directory + "/usage.db"
    self.usages = usages
    self.warn = warn
  }

  /// Takes over what was used before. A damaged file is moved aside.
  func restore(now: UInt64) {
    state.withLock { state in openOrReplace(&state, now) }
  }

  private func openOrReplace(_ state: inout State, _ now: UInt64) {
    do throws(DatabaseError) { try open(&state, now) } catch {
      tell(&state, error)
      guard error.isDamage, moveAside(now) else { return }
      do throws(DatabaseError) { try open(&state, now) } catch { tell(&state, error) }
    }
  }

  private func open(_ state: inout State, _ now: UInt64) throws(DatabaseError) {
    // SQLite would make it readable for all, and its log like it.
    try? FileSystem().writeNew(path, [], mode: 0o600)
    let database = try Database(path)
    try database.rows(
      """
      CREATE TABLE IF NOT EXISTS usage (key_group TEXT NOT NULL, id TEXT NOT NULL, requests TEXT NOT NULL, tokens TEXT NOT NULL,
      day_start INTEGER NOT NULL, day_tokens INTEGER NOT NULL, month_start INTEGER NOT NULL, month_tokens INTEGER NOT NULL,
      PRIMARY KEY (key_group, id)) WITHOUT ROWID
      """)
    let oldest = now - min(now, Self.keptMilliseconds)
    try database.rows("DELETE FROM usage WHERE month_start < ?", [.integer(Int64(clamping: oldest))])
    if !state.isRestored { try restore(database, now) }
    state.isRestored = true
    state.database = database
  }

  private func restore(_ database: Database, _ now: UInt64) throws(DatabaseError) {
    let rows = try database.rows(
      "SELECT key_group, id, requests, tokens, day_start, day_tokens, month_start, month_tokens FROM usage")
    for row in rows {
      guard let (name, saved) = Self.read(row) else { continue }
      usages.usage(name).restore(saved, now: now)
    }
  }

  private static func read(_ row: [Value]) -> (KeyUsages.Name, KeyUsage.Saved)? {
    guard row.count == 8, case .text(let group) = row[0], case .text(let id) = row[1],
      case .text(let requests) = row[2], case .text(let tokens) = row[3],
      case .integer(let dayStart) = row[4],
      case .integer(let dayTokens) = row[5], case .integer(let monthStart) = row[6],
      case .integer(let monthTokens) = row[7]
    else { return nil }
    var saved = KeyUsage.Saved()
    (saved.requests, saved.tokens) = (requests, tokens)
    (saved.dayStart, saved.dayTokens) = (UInt64(clamping: dayStart), Int(dayTokens))
    (saved.monthStart, saved.monthTokens) = (UInt64(clamping: monthStart), Int(monthTokens))
    return (KeyUsages.Name(group: group, id: id), saved)
  }

  /// Writes what has changed since the last time. What cannot be written is tried again at the next.
  func flush(now: UInt64) {
    state.withLock { state in
      if state.database == nil { openOrReplace(&state, now) }
      guard let database = state.database else { return }
      let changes = usages.changes()
      guard !changes.isEmpty else { return }
      do throws(DatabaseError) {
        try database.transaction { () throws(DatabaseError) in
          for (name, saved) in changes { try Self.write(database, name, saved) }
        }
        state.isTold = false
      } catch {
        for (name, _) in changes { usages.usage(name).markChanged() }
        tell(&state, error)
        guard error.isDamage else { return }
        state.database = nil
        usages.markAllChanged()
        _ = moveAside(now)
      }
    }
  }

  private static func write(
    _ database: Database, _ name: KeyUsages.Name, _ saved: KeyUsage.Saved
  ) throws(DatabaseError) {
    try database.rows(
      "INSERT OR REPLACE INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      [
        .text(name.group), .text(name.id), .text(saved.requests), .text(saved.tokens),
        .integer(Int64(clamping: saved.dayStart)), .integer(Int64(saved.dayTokens)),
        .integer(Int64(clamping: saved.monthStart)), .integer(Int64(saved.monthTokens)),
      ])
  }

  /// Once, until it has been well again.
  private func tell(_ state: inout State, _ error: DatabaseError) {
    guard !state.isTold else { return }
    state.isTold = true
    warn("\(path): \(error); counting goes on, and a restart forgets what cannot be kept")
  }

  private func moveAside(_ now: UInt64) -> Bool {
    let aside = "\(path).damaged-\(UnixTime(seconds: Int64(clamping: now / 1000)))"
    do throws(SystemError) {
      try FileSystem().rename(path, to: aside)
      for suffix in ["-wal", "-shm"] { try FileSystem().unlinkIfPresent(path + suffix) }
    } catch {
      warn("\(path): it cannot be moved aside: \(error)")
      return false
    }
    warn("it was moved aside to \(aside)")
    return true
  }
}
