import OS
import Scratch
import TestRun
import Testing

@Suite(.ownThread) struct FileSystemTests {
  let scratch: ScratchDirectory
  let fs = FileSystem()

  init() throws { scratch = try ScratchDirectory() }

  private func code(_ body: () throws -> Void) -> Int32? {
    do { try body() } catch { return (error as? SystemError)?.code }
    return nil
  }

  @Test("a published file has the new content and exactly its mode")
  func publishes() throws {
    try fs.publish(scratch("a"), Array("one".utf8), mode: 0o600)
    try fs.publish(scratch("a"), Array("two".utf8), mode: 0o664)
    #expect(try fs.read(scratch("a"), limitInBytes: 3) == Array("two".utf8))
    #expect(try fs.status(scratch("a")).mode == 0o664)
    #expect(try fs.list(scratch.path) == ["a"])
  }

  @Test("publishing gets over the scratch file of a killed writer")
  func publishesOverScratch() throws {
    try fs.writeNew(scratch("a.partial"), [1], mode: 0o600)
    try fs.publish(scratch("a"), [2], mode: 0o600)
    #expect(try fs.list(scratch.path) == ["a"])
  }

  @Test("a name that is taken is not written over, not even by way of a dangling link")
  func exclusive() throws {
    try fs.symlink(scratch("link"), to: scratch("elsewhere"))
    #expect(code { try fs.writeNew(scratch("link"), [1], mode: 0o600) } == 17)
    #expect(try fs.statusIfPresent(scratch("elsewhere")) == nil)
  }

  @Test("publishing flushes the file before the rename and the directory after it")
  func flushOrder() throws {
    let counter = CallCounter()
    try counter.fileSystem().publish(scratch("a"), [1], mode: 0o600)
    #expect(
      counter.calls == [
        "create \(scratch("a.partial"))", "write \(scratch("a.partial"))", "fsync \(scratch("a.partial"))",
        "rename \(scratch("a"))", "open directory \(scratch.path)", "fsync directory \(scratch.path)",
      ])
  }

  @Test("a failed publish leaves the old content and no scratch", arguments: [5, 28] as [Int32])
  func failedPublish(error: Int32) throws {
    try fs.publish(scratch("a"), [1], mode: 0o600)
    for n in 1...8 {
      let counter = CallCounter(failing: n, code: error)
      let seen = code {
        try counter.fileSystem(maximumWriteInBytes: 1).publish(scratch("a"), [2, 2, 2], mode: 0o600)
      }
      #expect(seen == error)
      // Calls 7 and 8 come after the rename.
      #expect(try fs.read(scratch("a"), limitInBytes: 3) == (n <= 6 ? [1] : [2, 2, 2]))
      #expect(try fs.list(scratch.path) == ["a"])
      try fs.publish(scratch("a"), [1], mode: 0o600)
    }
  }

  @Test("reading refuses directories, pipes, links and what is too long")
  func boundedRead() throws {
    try fs.writeNew(scratch("long"), [1, 2, 3], mode: 0o600)
    try fs.symlink(scratch("link"), to: "long")
    #expect(code { _ = try fs.read(scratch("long"), limitInBytes: 2) } == 27)
    #expect(code { _ = try fs.read(scratch.path, limitInBytes: 2) } == 22)
    #expect(code { _ = try fs.read(scratch("link"), limitInBytes: 3) } == 40)
    #expect(code { _ = try fs.read("/dev/zero", limitInBytes: 3) } == 22)
    #expect(try fs.read(scratch("link"), limitInBytes: 3, followingLinks: true) == [1, 2, 3])
    #expect(try fs.readLink(scratch("link")) == "long")
    #expect(try fs.readIfPresent(scratch("none"), limitInBytes: 1) == nil)
  }

  @Test("a tree is removed without following a link out of it")
  func removesTree() throws {
    try fs.makeDirectory(scratch("tree"), mode: 0o750)
    try fs.makeDirectory(scratch("tree/sub"), mode: 0o700)
    try fs.makeDirectory(scratch("kept"), mode: 0o700)
    try fs.writeNew(scratch("kept/file"), [1], mode: 0o600)
    try fs.symlink(scratch("tree/sub/out"), to: scratch("kept"))
    try fs.removeTree(scratch("tree"), inside: scratch.path)
    try fs.removeTree(scratch("tree"), inside: scratch.path)
    #expect(try fs.list(scratch.path) == ["kept"])
    #expect(try fs.list(scratch("kept")) == ["file"])
  }

  @Test(
    "nothing outside the root is removed",
    arguments: ["", "/../kept", "/a/../../kept", "//", "/./", "-sibling"])
  func refusesOutside(suffix: String) throws {
    try fs.makeDirectory(scratch("root"), mode: 0o700)
    try fs.makeDirectory(scratch("kept"), mode: 0o700)
    try fs.makeDirectory(scratch("root-sibling"), mode: 0o700)
    #expect(code { try fs.removeTree(scratch("root") + suffix, inside: scratch("root")) } == 22)
    #expect(try fs.list(scratch.path) == ["kept", "root", "root-sibling"])
  }

  @Test("appending keeps what was there")
  func appends() throws {
    try fs.append(scratch("log"), [1], mode: 0o600)
    try fs.append(scratch("log"), [2], mode: 0o600)
    #expect(try fs.read(scratch("log"), limitInBytes: 9) == [1, 2])
  }

  @Test("an error tells the call and the path")
  func errorText() {
    let error = SystemError(call: "rename", code: 28, subject: "/store/a")
    #expect(error.description == "/store/a: rename: No space left on device")
  }
}
