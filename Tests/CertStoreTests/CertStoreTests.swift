import Bytes
import CertStore
import OS
import PKI
import Scratch
import StoreFixtures
import TestRun
import Testing

@Suite(.ownThread) struct CertStoreTests {
  let scratch: ScratchDirectory
  let store: CertStore
  let authority: TestAuthority
  let fs = FileSystem()
  let name = LineageName(.dns("example.com"))
  let now = TestAuthority.now

  init() throws {
    scratch = try ScratchDirectory()
    store = try CertStore.open(root: scratch("a/b/store/"))
    authority = try TestAuthority()
  }

  @Test("a published certificate is read back, with the files that certbot's readers expect")
  func roundTrip() throws {
    let issued = try authority.issue()
    let stored = try store.publish(name, issued)
    let loaded = try #require(store.load(name, now: now))
    #expect(loaded.chain == issued.chain && loaded.meta == issued.meta && loaded.generation == 1)
    #expect(stored.directory == scratch("a/b/store/certificates/example.com/current"))
    #expect(
      try fs.list(stored.directory) == ["cert.pem", "chain.pem", "fullchain.pem", "meta.json", "privkey.pem"])
    #expect(
      try fs.read(stored.directory + "/fullchain.pem", limitInBytes: 1 << 20)
        == fs.read(stored.directory + "/cert.pem", limitInBytes: 1 << 20)
        + fs.read(stored.directory + "/chain.pem", limitInBytes: 1 << 20))
  }

  @Test("files are the owner's only, or the group's as well when one is named", arguments: [false, true])
  func modes(shared: Bool) throws {
    let root = scratch("modes")
    let group = shared ? try fs.status(scratch.path).group : nil
    let store = try CertStore.open(root: root, group: group)
    try store.publish(name, try authority.issue())
    for directory in ["", "/certificates", "/certificates/example.com", "/certificates/example.com/gen-1"] {
      #expect(try fs.status(root + directory).mode == (shared ? 0o750 : 0o700))
    }
    for directory in ["/accounts", "/challenges", "/deploys", "/quarantine"] {
      #expect(try fs.status(root + directory).mode == 0o700)
    }
    for file in try fs.list(root + "/certificates/example.com/gen-1") {
      #expect(
        try fs.status(root + "/certificates/example.com/gen-1/" + file).mode == (shared ? 0o640 : 0o600))
    }
  }

  @Test("nothing unfit is stored: foreign key, missing name, expired, not yet valid, broken chain")
  func refusesUnfit() throws {
    let good = try authority.issue()
    var foreignKey = good
    foreignKey.key = try PrivateKey.generate(.ecP256)
    var missingName = good
    missingName.meta.identifiers.append("www.example.com")
    var noName = good
    noName.meta.identifiers = []
    var brokenChain = good
    brokenChain.chain = CertificateChain(leaf: good.chain.leaf, intermediates: [try TestAuthority().root])
    let expired = try authority.issue(notBefore: now - 86_400, lifetimeSeconds: 3600)
    let early = try authority.issue(notBefore: now + 86_400)
    try store.publish(name, good)
    for bad in [foreignKey, missingName, noName, brokenChain, expired, early] {
      #expect { try store.publish(name, bad) } throws: { error in
        if case .unfit = error as? StoreError { true } else { false }
      }
    }
    #expect(store.load(name, now: now)?.chain == good.chain)
    #expect(try fs.list(scratch("a/b/store/certificates/example.com")) == ["current", "gen-1", "lock"])
  }

  @Test("the served generation and five older ones are kept")
  func prunes() throws {
    for _ in 1...9 { try store.publish(name, try authority.issue()) }
    let names = try fs.list(scratch("a/b/store/certificates/example.com"))
    #expect(names == ["current", "gen-4", "gen-5", "gen-6", "gen-7", "gen-8", "gen-9", "lock"])
  }

  @Test("only one at a time works on a certificate, others on other certificates")
  func locks() throws {
    let held = try store.lock(name)
    let again = try store.lock(name)
    let other = try store.lock(LineageName(.dns("other.example")))
    let isRight = held != nil && again == nil && other != nil
    #expect(isRight)
  }

  @Test("the fingerprint changes with a publication of another process and with nothing else")
  func fingerprint() throws {
    try store.publish(name, try authority.issue())
    let before = store.fingerprint()
    #expect(store.fingerprint() == before)
    try CertStore.open(root: store.root).publish(name, try authority.issue())
    #expect(store.fingerprint() != before)
  }

  @Test("a certificate that is being worked on keeps its scratch files")
  func keepsScratchOfTheLiving() throws {
    let directory = scratch("a/b/store/certificates/example.com")
    let lock = try store.lock(name)
    try fs.makeDirectory(directory + "/gen-1.partial", mode: 0o700)
    _ = store.load(name, now: now)
    #expect(try fs.list(directory).contains("gen-1.partial"))
    _ = consume lock
    _ = store.load(name, now: now)
    #expect(try !fs.list(directory).contains("gen-1.partial"))
  }

  @Test("a root that is a file or has no permission is an error that tells the path")
  func badRoot() throws {
    try fs.writeNew(scratch("file"), [], mode: 0o600)
    #expect { try CertStore.open(root: scratch("file")) } throws: { "\($0)".contains(scratch("file")) }
    #expect(throws: StoreError.self) { try CertStore.open(root: "/") }
  }

  @Test(
    "names are fit for directories",
    arguments: [
      ("example.com", "example.com"), ("*.example.com", "_wildcard.example.com"), ("10.0.0.1", "10.0.0.1"),
      ("2001:db8::1", "_ipv6.2001-db8--1"), ("::1", "_ipv6.--1"),
    ])
  func lineageNames(identifier: String, directory: String) throws {
    let identifier = try #require(Identifier(identifier))
    #expect(LineageName(identifier).description == directory)
    #expect(LineageName(directory)?.description == directory)
  }

  @Test(
    "a name that could leave its directory is refused",
    arguments: [
      "", ".", "..", "../x", "a/b", ".hidden", "-rf", "a b", "a\n", "ü", String(repeating: "a", count: 201),
    ])
  func badNames(text: String) { #expect(LineageName(text) == nil) }
}
