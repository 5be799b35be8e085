import Bytes
import CertStore
import OS
import PKI
import Scratch
import StoreFixtures
import TestRun
import Testing

/// Fails every call on the file system once.
@Suite(.ownThread) struct FailureTests {
  let name = LineageName(.dns("example.com"))
  let now = TestAuthority.now

  @Test("a disk that fails or is full at any call leaves the old generation", arguments: [5, 28] as [Int32])
  func publication(code: Int32) throws {
    let authority = try TestAuthority()
    let old = try authority.issue()
    let new = try authority.issue()
    for n in stride(from: 1, through: 1000, by: Tier.isAll ? 1 : 4) {
      let scratch = try ScratchDirectory()
      try CertStore.open(root: scratch("store")).publish(name, old)
      let counter = CallCounter(failing: n, code: code)
      var failure: StoreError?
      do {
        let store = try CertStore.open(
          root: scratch("store"), fs: counter.fileSystem(maximumWriteInBytes: 400))
        try store.publish(name, new)
      } catch { failure = error as? StoreError }

      let store = try CertStore.open(root: scratch("store"))
      let inventory = store.inventory(now: now)
      #expect(inventory.problems == [], "call \(n)")
      let served = try #require(inventory.certificates.first)
      #expect(
        served.chain == (failure == nil ? new : old).chain || Self.isLastFlush(counter.calls), "call \(n)")
      #expect(served.chain.leaf.matches(served.key))
      if let failure {
        guard case .system(_, let error) = failure else {
          Issue.record("call \(n): \(failure)")
          continue
        }
        #expect(error.code == code && error.subject.hasPrefix(scratch.path), "call \(n)")
      }
      try store.publish(name, try authority.issue())
      if counter.calls.count < n { return }
    }
    Issue.record("never without a failure")
  }

  /// After the link was renamed only the flush of its directory can fail.
  private static func isLastFlush(_ calls: [String]) -> Bool {
    guard let moved = calls.lastIndex(where: { $0.hasPrefix("rename") && $0.hasSuffix("/current") }) else {
      return false
    }
    return calls[(moved + 1)...].contains { $0.hasPrefix("open directory") }
  }

  @Test("everything of a generation is flushed before the link to it is moved")
  func flushOrder() throws {
    let scratch = try ScratchDirectory()
    let counter = CallCounter()
    let store = try CertStore.open(root: scratch("store"), fs: counter.fileSystem())
    try store.publish(name, try TestAuthority().issue())
    let lineage = scratch("store/certificates/example.com")
    let calls = counter.calls
    func at(_ call: String) throws -> Int { try #require(calls.firstIndex(of: call)) }
    let directory = lineage + "/gen-1.partial"
    for file in ["privkey.pem", "cert.pem", "chain.pem", "fullchain.pem", "meta.json"] {
      #expect(try at("fsync \(directory)/\(file)") < at("fsync directory \(directory)"))
    }
    #expect(try at("fsync directory \(directory)") < at("rename \(lineage)/gen-1"))
    #expect(try at("rename \(lineage)/gen-1") < at("fsync directory \(lineage)"))
    #expect(try at("fsync directory \(lineage)") < at("rename \(lineage)/current"))
    #expect(calls.lastIndex(of: "fsync directory \(lineage)") ?? 0 > (try at("rename \(lineage)/current")))
  }

  @Test("a failing disk is no proof of damage: nothing is moved, neither aside nor to an older generation")
  func readFailure() throws {
    let scratch = try ScratchDirectory()
    let authority = try TestAuthority()
    let plain = try CertStore.open(root: scratch("store"))
    try plain.publish(name, try authority.issue())
    try plain.publish(name, try authority.issue())
    let opening = CallCounter()
    _ = try CertStore.open(root: scratch("store"), fs: opening.fileSystem())
    var n = opening.calls.count
    while true {
      n += 1
      let counter = CallCounter(failing: n, code: 5)
      let store = try CertStore.open(root: scratch("store"), fs: counter.fileSystem())
      _ = store.inventory(now: now)
      #expect(try FileSystem().list(scratch("store/quarantine")) == [], "call \(n)")
      #expect(plain.load(name, now: now)?.generation == 2, "call \(n)")
      #expect(plain.inventory(now: now).problems == [], "call \(n)")
      if counter.calls.count < n { break }
    }
    #expect(n > opening.calls.count + 10)
  }

  @Test(
    "while a generation cannot be read for want of a working disk, an older one is served, the link stays",
    arguments: ["gen-2/fullchain.pem", "gen-2/privkey.pem", "/current"])
  func unreadable(path: String) throws {
    let scratch = try ScratchDirectory()
    let authority = try TestAuthority()
    let plain = try CertStore.open(root: scratch("store"))
    try plain.publish(name, try authority.issue())
    try plain.publish(name, try authority.issue())
    let broken = CallCounter(failingPath: path, code: 5)
    let store = try CertStore.open(root: scratch("store"), fs: broken.fileSystem())
    let inventory = store.inventory(now: now)
    #expect(inventory.certificates.count == 1 && !inventory.problems.isEmpty)
    #expect(inventory.problems.allSatisfy { $0.action.isEmpty && $0.message.contains("Input/output error") })
    #expect(plain.inventory(now: now).problems == [])
    #expect(plain.load(name, now: now)?.generation == 2)
  }
}
