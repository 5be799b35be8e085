import OS
import Scratch
import TestRun
import Testing

@Suite(.ownThread) struct FileLockTests {
  let fs = FileSystem()

  @Test("a lock excludes a second one until its value is gone")
  func excludes() throws {
    let scratch = try ScratchDirectory()
    do {
      let first = try FileLock.tryAcquire(scratch("lock"), fs)
      let second = try FileLock.tryAcquire(scratch("lock"), fs)
      let isFirst = first != nil
      let isSecond = second != nil
      #expect(isFirst && !isSecond)
    }
    let third = try FileLock.tryAcquire(scratch("lock"), fs)
    let isThird = third != nil
    #expect(isThird)
  }

  @Test("waiting for a busy lock ends with none when patience is over, and with it once it is free")
  func waits() async throws {
    let scratch = try ScratchDirectory()
    var first = try FileLock.tryAcquire(scratch("lock"), fs)
    let busy = try FileLock.acquire(scratch("lock"), fs, patienceNanoseconds: 1)
    let isBusy = busy == nil
    #expect(isBusy)
    let got = try await FileLock.acquire(scratch("lock"), fs, tries: 3) { first = nil }
    let isGot = got != nil
    #expect(isGot)
    _ = consume first
  }

  @Test("a lock file that is a link is refused")
  func refusesLink() throws {
    let scratch = try ScratchDirectory()
    try fs.symlink(scratch("lock"), to: scratch("other"))
    #expect(throws: SystemError.self) { _ = try FileLock.tryAcquire(scratch("lock"), fs) != nil }
  }
}
