// SQLite: small tables on disk that survive the end of the process, and a crash.
//
// It does not know what is kept. It promises that what has been committed is still there after a kill at any instruction, that a
// file that is no database is told from one that cannot be read at present, and that values never become part of a statement.

internal import CSQLite

/// Why a database cannot do what it was asked for.
public struct DatabaseError: Error, Sendable, Equatable, CustomStringConvertible {
  /// SQLite's result code ("Result and Error Codes"), extended bits left out.
  public let code: Int32
  /// In SQLite's words.
  public let reason: String

  /// Whether the file is damaged, or none of SQLite's: it will not get better by waiting.
  public var isDamage: Bool { code == SQLITE_CORRUPT || code == SQLITE_NOTADB }

  /// `database: disk is full`
  public var description: String { "database: \(reason)" }
}

/// What a column holds.
public enum Value: Sendable, Equatable {
  case integer(Int64)
  case text(String)
  case null
}

/// An open database. For one caller at a time.
@safe public final class Database {
  private let handle: OpaquePointer

  /// How long another process may hold the file, in milliseconds.
  public static let patienceMilliseconds: Int32 = 2000
  /// The most rows that are read at once.
  public static let maximumRows = 1_000_000

  /// Opens a file, which is made if there is none, and sees whether it is a database. Committed changes survive a crash of the
  /// process (write-ahead log; "Write-Ahead Logging" §2).
  public init(_ path: String) throws(DatabaseError) {
    var opened: OpaquePointer?
    let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX
    let code = unsafe sqlite3_open_v2(path, &opened, flags, nil)
    guard code == SQLITE_OK, let handle = unsafe opened else {
      let error = unsafe Self.error(code, opened)
      unsafe sqlite3_close_v2(opened)
      throw error
    }
    unsafe self.handle = unsafe handle
    unsafe sqlite3_busy_timeout(handle, Self.patienceMilliseconds)
    _ = try rows("PRAGMA journal_mode = WAL")
    _ = try rows("PRAGMA synchronous = NORMAL")
    let check = try rows("PRAGMA quick_check(1)")
    guard check == [[.text("ok")]] else {
      throw DatabaseError(code: SQLITE_CORRUPT, reason: "the file is damaged")
    }
  }

  deinit { unsafe sqlite3_close_v2(handle) }

  private static func error(_ code: Int32, _ handle: OpaquePointer?) -> DatabaseError {
    let text = unsafe sqlite3_errmsg(handle).map { unsafe String(cString: $0) }
    return DatabaseError(code: code & 0xFF, reason: text ?? "out of memory")
  }

  private func check(_ code: Int32) throws(DatabaseError) {
    guard code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE else {
      throw unsafe Self.error(code, handle)
    }
  }

  /// Runs one statement, its `?` replaced by values, and gives the rows that come of it.
  @discardableResult
  public func rows(_ statement: StaticString, _ values: [Value] = []) throws(DatabaseError) -> [[Value]] {
    var prepared: OpaquePointer?
    try check(unsafe sqlite3_prepare_v2(handle, "\(statement)", -1, &prepared, nil))
    defer { unsafe sqlite3_finalize(prepared) }
    for (index, value) in values.enumerated() {
      let place = Int32(index + 1)
      switch value {
      case .integer(let number): try check(unsafe sqlite3_bind_int64(prepared, place, number))
      case .text(let text):
        try check(unsafe certd_sqlite3_bind_text(prepared, place, text, Int32(clamping: text.utf8.count)))
      case .null: try check(unsafe sqlite3_bind_null(prepared, place))
      }
    }
    var rows: [[Value]] = []
    let columns = unsafe sqlite3_column_count(prepared)
    while true {
      let code = unsafe sqlite3_step(prepared)
      try check(code)
      guard code == SQLITE_ROW else { return rows }
      guard rows.count < Self.maximumRows else {
        throw DatabaseError(code: SQLITE_TOOBIG, reason: "more than \(Self.maximumRows) rows")
      }
      rows.append((0..<columns).map { unsafe Self.value(prepared, $0) })
    }
  }

  private static func value(_ prepared: OpaquePointer?, _ column: Int32) -> Value {
    switch unsafe sqlite3_column_type(prepared, column) {
    case SQLITE_INTEGER: return .integer(unsafe sqlite3_column_int64(prepared, column))
    case SQLITE_TEXT:
      guard let start = unsafe sqlite3_column_text(prepared, column) else { return .null }
      let count = Int(unsafe sqlite3_column_bytes(prepared, column))
      return .text(unsafe String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self))
    default: return .null
    }
  }

  /// Does several things as one: all of them, or none when one fails.
  public func transaction(_ body: () throws(DatabaseError) -> Void) throws(DatabaseError) {
    try rows("BEGIN IMMEDIATE")
    do throws(DatabaseError) {
      try body()
      try rows("COMMIT")
    } catch {
      _ = try? rows("ROLLBACK")
      throw error
    }
  }
}
