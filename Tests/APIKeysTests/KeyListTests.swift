import Bytes
import JSON
import TestRun
import Testing

@testable import APIKeys

@Suite("Files of keys with limits", .ownThread) struct KeyListTests {
  private static let hash = String(repeating: "ab", count: 32)

  @Test("a key is written as it was read, with members that nobody knows")
  func unknownMembers() throws {
    let line =
      #"{"id":"key_1","name":"alice","group":"team","sha256":"\#(Self.hash)","models":["llama-*"],"later":{"x":[1]},"#
      + #""tokens_per_minute":200000,"priority":"high","expires":"2027-01-31T12:00:00Z","addresses":["10.0.0.0/8"]}"#
    let text = "# ours\n\n\(line)\nnot JSON\n"
    let list = KeyList(Array(text.utf8), group: "team")
    let key = try #require(list.keys.first)
    #expect(key.limits.tokensPerMinute == 200_000)
    #expect(key.priority == .high)
    #expect(key.others == ["later": ["x": [1]]])
    #expect(list.problems.map(\.line) == [4])
    let again = KeyList(list.bytes, group: "team")
    #expect(again.keys == list.keys)
    #expect(String(decoding: again.bytes, as: UTF8.self).hasPrefix("# ours\n\n{"))
    #expect(String(decoding: again.bytes, as: UTF8.self).hasSuffix("}\nnot JSON\n"))
  }

  @Test(
    "a line that is no key is told by its number and what was expected, without what stands there",
    arguments: [
      ("{", "JSON"), ("[]", "a JSON object"), ("{}", "\"id\" is missing"),
      (#"{"id":"a"}"#, "neither \"sha256\" nor \"certificate\""),
      (#"{"id":"a","sha256":"secret"}"#, "64 hexadecimal digits"),
      (#"{"id":"a","sha256":"HASH","requests_per_minute":"secret"}"#, "a whole number"),
      (#"{"id":"a","sha256":"HASH","requests_per_minute":0}"#, "a whole number"),
      (#"{"id":"a","sha256":"HASH","models":["a*secret"]}"#, "beginnings of models"),
      (#"{"id":"a","sha256":"HASH","addresses":["10.0.0.1/8"]}"#, "address ranges"),
      (#"{"id":"a","sha256":"HASH","expires":"secret"}"#, "not a time"),
      (#"{"id":"a","sha256":"HASH","priority":"secret"}"#, "high, normal nor low"),
      (#"{"id":"a","sha256":"HASH","previous":{"sha256":"HASH"}}"#, "until"),
    ])
  func malformed(_ line: String, _ expected: String) {
    let text = "\n" + line.replacing("HASH", with: Self.hash) + "\n"
    let list = KeyList(Array(text.utf8), group: "team")
    #expect(list.keys.isEmpty)
    #expect(list.problems.first?.line == 2)
    #expect(list.problems.first?.reason.contains(expected) == true, "\(list.problems)")
    #expect(list.problems.first?.reason.contains("secret") == false)
  }

  @Test("secrets are made of what is random, pass their checksum, and are not told by descriptions")
  func secrets() throws {
    let secret = try #require(KeySecret(random: (0..<96).map { UInt8($0 * 2) }))
    #expect(secret.text.hasPrefix("sk-certd-"))
    #expect(secret.text.utf8.count == 9 + 27 + 6)
    #expect(KeySecret.isWellFormed(secret.text))
    #expect(!KeySecret.isWellFormed(String(secret.text.dropLast()) + "_"))
    #expect(!"\(secret) \(String(reflecting: secret))".contains(secret.text.dropFirst(9)))
    #expect(KeySecret(random: [UInt8](repeating: 255, count: 96)) == nil)
  }

  @Test(
    "a hash finds its key, and the one before it until its time; what is revoked or of another group is not there"
  )
  func ring() throws {
    let (first, second, third, fourth) = (hash(1), hash(2), hash(3), hash(4))
    var alice = KeyRecord(id: "a", name: "alice", group: "team", sha256: first)
    alice.previous = (second, UnixTime(seconds: 100))
    alice.models = ["llama-*", "gpt"]
    alice.addresses = ["10.0.0.0/8", "2001:db8::/32"]
    var gone = KeyRecord(id: "b", name: "bob", group: "team", sha256: third)
    gone.revoked = UnixTime(seconds: 1)
    let other = KeyRecord(id: "c", name: "carol", group: "ops", sha256: fourth)
    let usages = KeyUsages()
    let ring = KeyRing([KeyGroup(name: "team", limits: KeyLimits(), keys: [alice, gone, other])]) {
      usages.usage(.init(group: $0, id: $1))
    }
    #expect(ring.count == 2)
    let found = ring.find(try lookup(first))
    let entry = try #require(found).pointee
    #expect(entry.isValid(at: 200_000))
    let before = ring.find(try lookup(second))?.pointee
    #expect(before?.isValid(at: 99_999) == true)
    #expect(before?.isValid(at: 100_000) == false)
    #expect(before?.number == entry.number)
    #expect(ring.find(try lookup(third)) == nil)
    #expect(ring.find(try lookup(fourth)) == nil)
    for (name, isAllowed) in [
      ("llama-3", true), ("llama-", true), ("llama", false), ("gpt", true), ("gpt2", false),
    ] {
      #expect(Array(name.utf8).withUnsafeBytes { entry.allows(model: $0) } == isAllowed, "\(name)")
    }
    for (text, isAllowed) in [
      ("10.1.2.3", true), ("::ffff:10.9.9.9", true), ("11.0.0.1", false), ("2001:db8::1", true),
    ] {
      let number = try #require(AddressBlock.number(of: text))
      #expect(entry.allows(address: number) == isAllowed, "\(text)")
    }
  }

  private func hash(_ number: UInt8) -> String {
    Hex.encode([UInt8](repeating: number, count: 32))
  }

  private func lookup(_ hash: String) throws -> KeyRing.Hash {
    let bytes = try #require(Hex.decode(hash))
    return try #require(KeyRing.Hash(bytes))
  }
}
