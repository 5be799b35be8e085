import OS
import Scratch
import TestRun
import Testing

@testable import SQLite

@Suite("Small tables on disk", .ownThread) struct DatabaseTests {
  @Test("what was committed is there when the file is opened again; what was not is not")
  func kept() throws {
    let scratch = try ScratchDirectory()
    let path = scratch("a.db")
    do {
      let database = try Database(path)
      try database.rows("CREATE TABLE t (name TEXT, number INTEGER)")
      try database.rows("INSERT INTO t VALUES (?, ?)", [.text("a'); DROP TABLE t; --"), .integer(-7)])
      #expect(throws: DatabaseError.self) {
        try database.transaction { () throws(DatabaseError) in
          try database.rows("INSERT INTO t VALUES (?, ?)", [.null, .integer(1)])
          try database.rows("INSERT INTO nowhere VALUES (1)")
        }
      }
    }
    let again = try Database(path)
    #expect(try again.rows("SELECT name, number FROM t") == [[.text("a'); DROP TABLE t; --"), .integer(-7)]])
  }

  @Test("a file that is no database is told as damage")
  func damage() throws {
    let scratch = try ScratchDirectory()
    let path = scratch("a.db")
    let text = String(repeating: "not a database ", count: 1000)
    try FileSystem().writeNew(path, Array(text.utf8), mode: 0o600)
    do throws(DatabaseError) {
      _ = try Database(path)
      Issue.record("it was opened")
    } catch { #expect(error.isDamage) }
  }
}
