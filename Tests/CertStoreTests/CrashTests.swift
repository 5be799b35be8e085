import Bytes
import CertStore
import OS
import PKI
import Scratch
import StoreFixtures
import TestRun
import Testing

/// Kills a process at every one of its calls on the file system and looks at what it leaves.
@Suite(.ownThread) struct CrashTests {
  let authority: TestAuthority
  let old: TestAuthority.Issued
  let new: TestAuthority.Issued
  let fixtures: ScratchDirectory
  let name = LineageName(.dns("example.com"))
  let now = TestAuthority.now

  init() throws {
    authority = try TestAuthority()
    old = try authority.issue()
    new = try authority.issue()
    fixtures = try ScratchDirectory()
    try FileSystem().writeNew(fixtures("key.pem"), new.key.pem(), mode: 0o600)
    try FileSystem().writeNew(fixtures("chain.pem"), new.chain.pem, mode: 0o600)
  }

  /// Runs the probe for n = 1, 2, … (or each fourth) until it survives; `prepare` fills the store, `check` looks at the rest.
  private func sweep(
    _ scenario: String, harmless: String = "", prepare: (CertStore) throws -> Void,
    check: (CertStore, _ finished: Bool) throws -> Void
  ) async throws {
    let probe = FileSystem.parent(of: try FileSystem().readLink("/proc/self/exe")) + "/CrashProbe"
    let first = try scenario == "publish" ? 1 : callsToOpen(prepare)
    for n in stride(from: first, through: 1000, by: Tier.isAll ? 1 : 4) {
      let directory = try ScratchDirectory()
      try prepare(try CertStore.open(root: directory("store")))
      let outcome = try await Subprocess.shell(
        "exec \(probe) \(scenario) \(directory("store")) \(fixtures.path) \(n)", environment: [:],
        timeLimitInSeconds: 60)
      let finished = outcome.ending == .exited(0)
      guard finished || outcome.ending == .signalled(9) else {
        Issue.record("call \(n): \(outcome.ending) \(String(decoding: outcome.output, as: UTF8.self))")
        return
      }
      let store = try CertStore.open(root: directory("store")) { problem in
        if problem.message != harmless { Issue.record("call \(n): \(problem)") }
      }
      try check(store, finished)
      // Looking at a certificate tidies up what was left of it.
      _ = store.inventory(now: now)
      #expect(try leftovers(directory("store")) == [], "call \(n)")
      if finished {
        #expect(n > first + 5)
        return
      }
    }
    Issue.record("the probe never finished")
  }

  /// Opening is the same for every scenario: it is swept with the publications.
  private func callsToOpen(_ prepare: (CertStore) throws -> Void) throws -> Int {
    let directory = try ScratchDirectory()
    try prepare(try CertStore.open(root: directory("store")))
    let counter = CallCounter()
    _ = try CertStore.open(root: directory("store"), fs: counter.fileSystem())
    return counter.calls.count
  }

  private func leftovers(_ path: String) throws -> [String] {
    let fs = FileSystem()
    return try fs.list(path).flatMap { name -> [String] in
      let inner = path + "/" + name
      let below = try fs.status(inner).kind == .directory ? try leftovers(inner) : []
      return below + (name.hasSuffix(FileSystem.scratchSuffix) ? [inner] : [])
    }
  }

  @Test("a publication killed anywhere leaves the old or the new generation, and the next one succeeds")
  func publication() async throws {
    let other = LineageName(.dns("other.example"))
    let untouched = try authority.issue(["other.example"])
    let next = try authority.issue()
    try await sweep("publish") { store in
      try store.publish(other, untouched)
      try store.publish(name, old)
    } check: { store, finished in
      let inventory = store.inventory(now: now)
      #expect(inventory.problems == [])
      #expect(inventory.certificates.map(\.name) == [name, other])
      #expect(inventory.certificates.last?.chain == untouched.chain)
      let served = try #require(inventory.certificates.first)
      let isNew = served.chain == new.chain
      #expect(isNew || (!finished && served.chain == old.chain))
      #expect(try served.key.pem() == (isNew ? new : old).key.pem())
      #expect(served.chain.leaf.matches(served.key))
      // The hook of a certificate that is served is in the queue.
      let tasks = try store.deploys(now: now)
      #expect(!isNew || tasks.map(\.leafSHA256).count == 1)
      #expect(try store.publish(name, next).generation > served.generation)
      #expect(store.load(name, now: now)?.chain == next.chain)
    }
  }

  @Test("a first publication killed anywhere leaves nothing or the whole generation")
  func firstPublication() async throws {
    try await sweep("publish", harmless: "no generation is linked; serving gen-1") { _ in
    } check: { store, finished in
      let found = store.inventory(now: now)
      let served = found.certificates.first
      if served != nil { #expect(try store.deploys(now: now).count == 1) }
      // A whole generation whose link was not made yet is taken up.
      #expect(served.map { $0.chain == new.chain && $0.chain.leaf.matches($0.key) } ?? !finished)
      let next = try store.publish(name, old)
      #expect(next.generation > served?.generation ?? 0)
    }
  }

  @Test("an account killed anywhere is there with its key or not at all")
  func account() async throws {
    try await sweep("account") { _ in
    } check: { store, finished in
      let account = try store.account(host: "ca.test", directory: "d", externalKeyID: nil, now: now)
      #expect(account.map { $0.key.publicKeyInfo == new.key.publicKeyInfo } ?? !finished)
      #expect(!finished || account?.record.url == "u")
      if account == nil {
        let record = AccountRecord(directory: "d", contacts: [], createdAt: now)
        _ = try store.createAccount(host: "ca.test", key: new.key, record: record)
      }
    }
  }

  @Test("an order killed anywhere is the old or the new one with its own key")
  func order() async throws {
    try await sweep("order") { store in
      guard let lock = try store.lock(name) else { throw StoreError.busy("") }
      try store.recordOrder(
        lock, PendingOrder(url: "old", identifiers: [], issuer: "test", key: old.key, startedAt: now))
    } check: { store, finished in
      guard let lock = try store.lock(name) else { throw StoreError.busy("") }
      let order = try #require(try store.order(lock, now: now))
      #expect(order.url == "new" || (!finished && order.url == "old"))
      #expect(try order.key.pem() == (order.url == "new" ? new : old).key.pem())
    }
  }

  @Test("a ledger line killed anywhere is there or not, and neither older nor later ones are lost")
  func ledger() async throws {
    func entry(_ issuer: String) -> LedgerEntry {
      LedgerEntry(at: now, event: .issued, name: name, issuer: issuer, identifiers: [])
    }
    try await sweep("ledger") {
      try $0.append(entry("old"))
    } check: { store, finished in
      try store.append(entry("later"))
      let issuers = try store.ledger(now: now).map(\.issuer)
      #expect(issuers == ["old", "new", "later"] || (!finished && issuers == ["old", "later"]))
    }
  }

  @Test("a deploy task killed anywhere is in the queue or not")
  func deploy() async throws {
    let task = try DeployTask(name: name, leaf: old.chain.leaf, command: "old", domains: [], now: now - 1)
    try await sweep("deploy") {
      try $0.enqueue(task)
    } check: { store, finished in
      let commands = try store.deploys(now: now).map(\.action).map {
        if case .command(let text, _) = $0 { text } else { "" }
      }
      #expect(commands == ["old", "new"] || (!finished && commands == ["old"]))
    }
  }

  @Test("a challenge answer killed anywhere is whole or not there")
  func challenge() async throws {
    try await sweep("challenge") { _ in
    } check: { store, finished in
      let answer = store.challenges.answer(token: "token").map { String(decoding: $0, as: UTF8.self) }
      #expect(answer.map { $0 == "token.answer" } ?? !finished)
    }
  }

  @Test("the local root killed anywhere is whole or not there")
  func localRoot() async throws {
    try await sweep("root") { _ in
    } check: { store, finished in
      let root = try store.localRoot(now: now)
      #expect(root.map { $0.certificate == new.chain.leaf && $0.certificate.matches($0.key) } ?? !finished)
    }
  }
}
