import Bytes
import CertStore
import OS
import PKI
import Scratch
import StoreFixtures
import TestRun
import Testing

@Suite(.ownThread) struct QuarantineTests {
  let scratch: ScratchDirectory
  let store: CertStore
  let first: TestAuthority.Issued
  let second: TestAuthority.Issued
  let fs = FileSystem()
  let name = LineageName(.dns("example.com"))
  let now = TestAuthority.now

  init() throws {
    scratch = try ScratchDirectory()
    store = try CertStore.open(root: scratch.path)
    let authority = try TestAuthority()
    first = try authority.issue()
    second = try authority.issue()
    try store.publish(name, first)
    try store.publish(name, second)
    try store.publish(LineageName(.dns("other.example")), try authority.issue(["other.example"]))
  }

  private func path(_ below: String) -> String { scratch("certificates/example.com/" + below) }

  private func overwrite(_ below: String, _ content: [UInt8]) throws {
    try fs.publish(path(below), content, mode: 0o600)
  }

  private func garble(_ damage: String) throws {
    switch damage {
    case "key of another": try overwrite("gen-2/privkey.pem", first.key.pem())
    case "garbage key": try overwrite("gen-2/privkey.pem", Array("garbage".utf8))
    case "no key": try fs.unlink(path("gen-2/privkey.pem"))
    case "cut chain": try overwrite("gen-2/fullchain.pem", Array(second.chain.pem.dropLast(100)))
    case "empty chain": try overwrite("gen-2/fullchain.pem", [])
    case "key is a link":
      try fs.unlink(path("gen-2/privkey.pem"))
      try fs.symlink(path("gen-2/privkey.pem"), to: "/etc/passwd")
    case "key is a directory":
      try fs.unlink(path("gen-2/privkey.pem"))
      try fs.makeDirectory(path("gen-2/privkey.pem"), mode: 0o700)
    case "huge chain": try overwrite("gen-2/fullchain.pem", [UInt8](repeating: 10, count: 2 << 20))
    case "dangling": try fs.removeTree(path("gen-2"), inside: scratch.path)
    case "generation is a file":
      try fs.removeTree(path("gen-2"), inside: scratch.path)
      try overwrite("gen-2", [1])
    case "link elsewhere":
      try fs.unlink(path("current"))
      try fs.symlink(path("current"), to: "../other.example/gen-1")
    case "link is a directory":
      try fs.unlink(path("current"))
      try fs.makeDirectory(path("current"), mode: 0o700)
    default: Issue.record("unknown damage")
    }
  }

  @Test(
    "a damaged generation goes to quarantine with its reason, and the newest good one is served",
    arguments: [
      "key of another", "garbage key", "no key", "cut chain", "empty chain", "key is a link",
      "key is a directory", "huge chain", "dangling", "generation is a file",
    ])
  func fallsBack(damage: String) throws {
    try garble(damage)
    let inventory = store.inventory(now: now)
    #expect(inventory.certificates.map(\.name.description) == ["example.com", "other.example"])
    #expect(inventory.certificates.first?.chain == first.chain)
    #expect(inventory.problems.contains { $0.action.hasPrefix("moved to quarantine/") })
    #expect(inventory.problems.contains { $0.message.hasSuffix("serving gen-1") })
    #expect(try fs.readLink(path("current")) == "gen-1")
    let names = try fs.list(scratch("quarantine"))
    #expect(names.filter { $0.hasSuffix(".reason") }.count == 1 && names.count == 2)
    #expect(names.allSatisfy { $0.hasPrefix("20270115T080000Z-certificates-example.com-") })
    #expect(store.inventory(now: now).problems == [])
    #expect(try store.publish(name, second).chain == second.chain)
  }

  @Test(
    "a link that leads nowhere sensible is replaced", arguments: ["link elsewhere", "link is a directory"])
  func badLink(damage: String) throws {
    try garble(damage)
    let inventory = store.inventory(now: now)
    #expect(inventory.certificates.first?.chain == second.chain)
    #expect(inventory.problems.count == 2)
    #expect(try fs.readLink(path("current")) == "gen-2")
    #expect(store.inventory(now: now).problems == [])
  }

  @Test("lost or broken meta data is made again from the leaf", arguments: [nil, [] as [UInt8], [0x7B, 0]])
  func meta(content: [UInt8]?) throws {
    if let content {
      try overwrite("gen-2/meta.json", content)
    } else {
      try fs.unlink(path("gen-2/meta.json"))
    }
    let inventory = store.inventory(now: now)
    #expect(inventory.certificates.first?.chain == second.chain)
    #expect(inventory.certificates.first?.meta.identifiers == ["example.com"])
    #expect(inventory.certificates.first?.meta.keyType == "ec-p256")
    #expect(inventory.certificates.first?.meta.issuer == nil)
    #expect(!inventory.problems.isEmpty)
    #expect(try fs.list(scratch("quarantine")).isEmpty == (content == nil))
    #expect(store.inventory(now: now).problems == [])
  }

  @Test("cert.pem and chain.pem are made again from the full chain", arguments: ["cert.pem", "chain.pem"])
  func derived(file: String) throws {
    let good = try fs.read(path("gen-2/" + file), limitInBytes: 1 << 20)
    try overwrite("gen-2/" + file, first.chain.leafPEM)
    #expect(store.inventory(now: now).problems.count == 2)
    #expect(try fs.read(path("gen-2/" + file), limitInBytes: 1 << 20) == good)
  }

  @Test("when nothing good is left the certificate is gone, the others stay")
  func nothingLeft() throws {
    try overwrite("gen-1/privkey.pem", [])
    try overwrite("gen-2/privkey.pem", [])
    let inventory = store.inventory(now: now)
    #expect(inventory.certificates.map(\.name.description) == ["other.example"])
    #expect(store.load(name, now: now) == nil)
    #expect(try store.publish(name, first).generation > 0)
    #expect(store.load(name, now: now)?.chain == first.chain)
  }

  @Test("nothing is moved while another process works on the certificate")
  func locked() throws {
    try garble("no key")
    let lock = try store.lock(name)
    let inventory = store.inventory(now: now)
    #expect(inventory.certificates.first?.chain == first.chain)
    #expect(inventory.problems.map(\.action) == [""])
    #expect(try fs.list(scratch("quarantine")) == [])
    let isHeld = lock != nil
    #expect(isHeld)
  }

  @Test("what is no certificate's directory is moved aside")
  func strayFile() throws {
    try fs.writeNew(scratch("certificates/stray file"), [1], mode: 0o600)
    let inventory = store.inventory(now: now)
    #expect(inventory.certificates.count == 2 && inventory.problems.count == 1)
    #expect(store.inventory(now: now).problems == [])
  }

  @Test("an expired certificate is not damaged")
  func expired() throws {
    let later = now + 400 * 86_400
    #expect(store.inventory(now: later).problems == [])
    #expect(store.inventory(now: later).certificates.count == 2)
  }
}
