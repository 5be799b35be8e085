import Bytes
import CertStore
import OS
import PKI
import Scratch
import StoreFixtures
import TestRun
import Testing

@Suite(.ownThread) struct RecordTests {
  let scratch: ScratchDirectory
  let store: CertStore
  let fs = FileSystem()
  let name = LineageName(.dns("example.com"))
  let now = TestAuthority.now

  init() throws {
    scratch = try ScratchDirectory()
    store = try CertStore.open(root: scratch.path)
  }

  private func entry(_ issuer: String, detail: String? = nil) -> LedgerEntry {
    LedgerEntry(
      at: now, event: .failed, name: name, issuer: issuer, identifiers: ["example.com"], detail: detail)
  }

  @Test("a torn last line of the ledger costs that line only")
  func tornLedger() throws {
    try store.append(entry("a"))
    try fs.append(scratch("ledger.jsonl"), Array(#"{"at":"2026"#.utf8), mode: 0o600)
    try store.append(entry("b"))
    #expect(try store.ledger(now: now).map(\.issuer) == ["a", "b"])
  }

  @Test("the ledger is bounded, and its newest entries are kept")
  func rotatesLedger() throws {
    let names = (0..<100).map { String(repeating: "x", count: 200) + "\($0)" }
    let count = 2 * CertStore.maximumLedgerInBytes / 20_000
    for n in 0..<count {
      var large = entry("\(n)")
      large.identifiers = names
      try store.append(large)
    }
    for part in try fs.list(scratch.path) where part.hasPrefix("ledger") {
      #expect(try fs.status(scratch(part)).sizeInBytes <= CertStore.maximumLedgerInBytes)
    }
    let issuers = try store.ledger(now: now).map(\.issuer)
    #expect(issuers == (count - issuers.count..<count).map(String.init))
    #expect(issuers.count > count / 3)
  }

  @Test("a ledger that is no file is moved aside and begun anew")
  func unreadableLedger() throws {
    try fs.makeDirectory(scratch("ledger.jsonl"), mode: 0o700)
    #expect(try store.ledger(now: now) == [])
    try store.append(entry("a"))
    #expect(try store.ledger(now: now).map(\.issuer) == ["a"])
  }

  @Test("an account is found by directory and external key, across restarts")
  func accounts() throws {
    func make(_ directory: String, _ external: String?) throws -> StoredAccount {
      try store.createAccount(
        host: "ca.test:14000", key: try PrivateKey.generate(.ecP256),
        record: AccountRecord(
          directory: directory, externalKeyID: external, contacts: ["mailto:a@b.c"], createdAt: now))
    }
    var plain = try make("https://ca.test/a", nil)
    let bound = try make("https://ca.test/a", "kid")
    _ = try make("https://ca.test/b", nil)
    plain.record.url = "https://ca.test/acct/1"
    try store.updateAccount(plain)
    let again = try CertStore.open(root: store.root)
    func find(_ host: String, _ directory: String, _ external: String?) throws -> StoredAccount? {
      try again.account(host: host, directory: directory, externalKeyID: external, now: now)
    }
    #expect(try find("CA.test:14000", "https://ca.test/a", nil)?.record == plain.record)
    #expect(try find("ca.test:14000", "https://ca.test/a", "kid")?.id == bound.id)
    #expect(try find("ca.test:14000", "https://ca.test/c", nil) == nil)
    #expect(try find("../..", "https://ca.test/a", nil) == nil)
  }

  @Test("an account that lost its record is found by its key; one that lost its key is moved aside")
  func damagedAccounts() throws {
    let key = try PrivateKey.generate(.ecP256)
    let record = AccountRecord(directory: "d", url: "u", contacts: [], createdAt: now)
    let account = try store.createAccount(host: "ca.test", key: key, record: record)
    let directory = scratch("accounts/ca.test/\(account.id)")
    func find() throws -> StoredAccount? {
      try store.account(host: "ca.test", directory: "d", externalKeyID: nil, now: now)
    }
    try fs.publish(directory + "/account.json", [0], mode: 0o600)
    let found = try #require(try find())
    #expect(found.key.publicKeyInfo == key.publicKeyInfo && found.record.url == nil)
    try fs.publish(directory + "/key.pem", [0], mode: 0o600)
    #expect(try find() == nil)
    #expect(try fs.list(scratch("accounts/ca.test")) == [])
    #expect(try fs.list(scratch("quarantine")).count == 4)
  }

  @Test("an order keeps its key; a damaged one counts as none")
  func orders() throws {
    guard let lock = try store.lock(name) else { throw StoreError.busy("") }
    let key = try PrivateKey.generate(.ecP256)
    let order = PendingOrder(url: "u", identifiers: ["example.com"], issuer: "i", key: key, startedAt: now)
    try store.recordOrder(lock, order)
    #expect(try fs.status(scratch("certificates/example.com/order.json")).mode == 0o600)
    let read = try #require(try store.order(lock, now: now))
    #expect(read.key.publicKeyInfo == key.publicKeyInfo && read.url == "u" && read.startedAt == now)
    try fs.publish(scratch("certificates/example.com/order.json"), [0x7B], mode: 0o600)
    #expect(try store.order(lock, now: now) == nil)
    try store.recordOrder(lock, order)
    store.clearOrder(lock)
    #expect(try store.order(lock, now: now) == nil)
  }

  @Test("a publication finishes the order and replaces older hooks of the certificate")
  func publicationTidies() throws {
    let authority = try TestAuthority()
    let first = try authority.issue()
    let second = try authority.issue()
    func task(_ issued: TestAuthority.Issued, _ command: String) throws -> DeployTask {
      try DeployTask(name: name, leaf: issued.chain.leaf, command: command, domains: [], now: now)
    }
    try store.publish(name, first, deploys: [try task(first, "a"), try task(first, "b")])
    do {
      guard let lock = try store.lock(name) else { throw StoreError.busy("") }
      try store.recordOrder(
        lock, PendingOrder(url: nil, identifiers: [], issuer: "i", key: second.key, startedAt: now))
    }
    try store.publish(name, second, deploys: [try task(second, "a")])
    let left = try store.deploys(now: now)
    #expect(Set(left.map(\.id)) == [try task(first, "b").id, try task(second, "a").id])
    #expect(try !fs.list(scratch("certificates/example.com")).contains("order.json"))
  }

  @Test("a damaged deploy task is moved aside and the others are kept")
  func damagedTask() throws {
    let issued = try TestAuthority().issue()
    var task = try DeployTask(name: name, leaf: issued.chain.leaf, command: "a", domains: ["x"], now: now)
    try store.enqueue(task)
    task.failures = 2
    task.lastError = "exit status 1"
    try store.enqueue(task)
    try fs.writeNew(scratch("deploys/x.json"), [0x7B], mode: 0o600)
    #expect(try store.deploys(now: now) == [task])
    #expect(try fs.list(scratch("deploys")) == ["\(task.id).json"])
    try store.dequeue(task)
    try store.dequeue(task)
    #expect(try store.deploys(now: now) == [])
  }

  @Test("a challenge answer is up until it is withdrawn or stale")
  func challenges() throws {
    try store.challenges.publish(token: "to-ken_1", keyAuthorization: "to-ken_1.print")
    let path = scratch("challenges/to-ken_1")
    #expect(store.challenges.answer(token: "to-ken_1") == Array("to-ken_1.print".utf8))
    #expect(try fs.status(path).mode == 0o600)
    let written = UnixTime(seconds: try fs.status(path).modifiedNanoseconds / 1_000_000_000)
    store.challenges.purge(now: written + ChallengeBoard.lifetimeInSeconds)
    #expect(store.challenges.answer(token: "to-ken_1") != nil)
    store.challenges.purge(now: written + ChallengeBoard.lifetimeInSeconds + 1)
    #expect(store.challenges.answer(token: "to-ken_1") == nil)
    try store.challenges.publish(token: "t", keyAuthorization: "a")
    try store.challenges.withdraw(token: "t")
    try store.challenges.withdraw(token: "t")
    #expect(store.challenges.answer(token: "t") == nil)
  }

  @Test(
    "a token that is no base64url text reaches no file",
    arguments: ["", "../lock", "a/b", "a.b", "..", "a\0", String(repeating: "a", count: 241)])
  func badTokens(token: String) {
    #expect(throws: StoreError.self) { try store.challenges.publish(token: token, keyAuthorization: "a") }
    #expect(store.challenges.answer(token: token) == nil)
  }

  @Test("the local root is made once; a damaged one is moved aside and reported")
  func localRoot() throws {
    let authority = try TestAuthority()
    let issued = try authority.issue()
    let other = try authority.issue()
    #expect(try store.localRoot(now: now) == nil)
    _ = try store.createLocalRoot(key: issued.key, certificate: issued.chain.leaf, now: now)
    let kept = try store.createLocalRoot(key: other.key, certificate: other.chain.leaf, now: now)
    #expect(kept.certificate == issued.chain.leaf)
    try fs.publish(scratch("accounts/local/root/key.pem"), try other.key.pem(), mode: 0o600)
    #expect(try store.localRoot(now: now) == nil)
    #expect(try fs.list(scratch("accounts/local")) == [])
  }

  @Test("the renewal record is kept, a damaged one counts as none")
  func renewalRecord() throws {
    guard let lock = try store.lock(name) else { throw StoreError.busy("") }
    let record = RenewalRecord(certificateID: "a.b", windowStart: now, windowEnd: now + 5, askAgainAt: now)
    try store.record(lock, record)
    #expect(store.renewalRecord(name) == record)
    try fs.publish(scratch("certificates/example.com/renewal.json"), [], mode: 0o600)
    #expect(store.renewalRecord(name) == nil)
  }
}
