import APIKeys
import Bytes
import Configuration
import OS

/// Changes a file of keys: one process at a time, and each change whole or not at all.
struct KeyEditor {
  let file: String
  let group: String

  /// How long another process may hold the file, in nanoseconds.
  static let patienceNanoseconds: UInt64 = 5_000_000_000
  /// Only who serves by them reads keys.
  static let mode: UInt32 = 0o600

  /// The file as it is; empty when there is none.
  func read() throws(SetupError) -> KeyList {
    do throws(SystemError) {
      let status = try? FileSystem().status(file, followingLinks: true)
      guard status != nil else { return KeyList() }
      return KeyList(
        try FileSystem().read(file, limitInBytes: KeyList.maximumBytes, followingLinks: true), group: group)
    } catch { throw .other("\(error)") }
  }

  /// Reads the file, changes it and writes it again, under its lock.
  func edit<Result>(
    _ change: (inout KeyList) throws(SetupError) -> Result
  ) throws(SetupError) -> Result {
    let fs = FileSystem()
    let held: FileLock?
    do throws(SystemError) {
      held = try FileLock.acquire(file + ".lock", fs, patienceNanoseconds: Self.patienceNanoseconds)
    } catch { throw .other("\(error)") }
    guard let held else { throw .other("\(file): another process is changing it; try again") }
    return try edit(holding: held, fs, change)
  }

  private func edit<Result>(
    holding _: borrowing FileLock, _ fs: FileSystem, _ change: (inout KeyList) throws(SetupError) -> Result
  ) throws(SetupError) -> Result {
    var list = try read()
    let result = try change(&list)
    do throws(SystemError) {
      // Written by root for a daemon that is not: it must stay readable for the daemon.
      var found = try fs.statusIfPresent(file)
      if found == nil { found = try fs.status(FileSystem.parent(of: file), followingLinks: true) }
      guard let owner = found else { throw SystemError(call: "stat", code: 2, subject: file) }
      let isRoot = FileSystem.ownUser == 0
      guard owner.kind != .link else {
        throw SystemError(call: "replace a symbolic link, name the file itself", code: 40, subject: file)
      }
      // The file would be another user's, and closed to the daemon: the old keys would go on.
      guard isRoot || owner.user == FileSystem.ownUser else {
        throw SystemError(
          call: "replace a file of another user, run this as that user", code: 1, subject: file)
      }
      try fs.publish(
        file, list.bytes, mode: Self.mode, user: isRoot ? owner.user : nil, group: isRoot ? owner.group : nil)
    } catch { throw .other("\(error)") }
    return result
  }
}
