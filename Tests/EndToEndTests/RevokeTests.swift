import Bytes
import EndToEnd
import PKI
import TestRun
import Testing

/// `certd revoke` in all its ways, against a real CA.
@Suite(.ownThread) struct RevokeTests {
  private static func options() -> Pebble.Options {
    var options = Pebble.Options()
    // Every order is validated.
    options.authorizationsReusedPercent = 0
    return options
  }

  private static func leaf(_ place: Place, _ generation: Int) throws -> Certificate {
    let pem = place.read("store/certificates/a.example.com/gen-\(generation)/cert.pem")
    return try #require(try Certificate.parse(pem: Array(pem.utf8)).first)
  }

  @Test("a compromised key is replaced before its certificate is revoked, and never used again")
  func compromised() async throws {
    let place = try Place()
    let pebble = try await Pebble(place, Self.options())
    let certd = try Certd(place)
    let store = ["--store", place("store")]
    #expect(try await certd("issue", "a.example.com", with: store + pebble.flags).ending == .exited(0))
    let old = try Self.leaf(place, 1)
    // An order that was cut off has a key as well, which lay on the same disk.
    let pending = try PrivateKey.generate(.ecP256)
    let pem = String(decoding: try pending.pem(), as: UTF8.self).replacing("\n", with: "\\n")
    try place.write(
      "store/certificates/a.example.com/order.json",
      """
      {"identifiers": ["a.example.com"], "issuer": "\(pebble.directoryURL)", "keyPEM": "\(pem)", "startedAt": 0}
      """)

    let revoked = try await certd(
      "revoke", "a.example.com", "--reason", "keyCompromise", "-o", "json", with: store)
    #expect(revoked.ending == .exited(0), "\(revoked)")
    #expect(
      revoked.output.contains(#""is_revoked" : true"#) && revoked.output.contains(#""obtained" : ["#),
      "\(revoked)")
    let listed = try await certd("list", with: store)
    #expect(!listed.output.contains("revoked"), "what took its place is not: \(listed)")
    let new = try Self.leaf(place, 2)
    #expect(new.publicKeyInfo != old.publicKeyInfo && new.publicKeyInfo != pending.publicKeyInfo)
    let list = place.read("store/compromised-keys")
    #expect(list.contains(Hex.encode(try Digest.sha256(old.publicKeyInfo))), "\(list)")
    let log = pebble.log
    let finalized = try #require(log.ranges(of: "POST /finalize-order").last)
    #expect(
      log[finalized.upperBound...].contains("POST /revoke-cert")
        && !log[..<finalized.lowerBound].contains("POST /revoke-cert"), "\(log)")

    // Once more about the same key: nothing has it any more, and the CA has revoked it already.
    let again = try await certd(
      "revoke", "a.example.com", "--generation", "1", "--reason", "1", with: store)
    #expect(again.ending == .exited(0), "\(again)")
    #expect(throws: (any Error).self) { try Self.leaf(place, 3) }
  }

  @Test(
    "a certificate with a compromised key is revoked also when no new one can be had, which is due until it can"
  )
  func notObtained() async throws {
    let place = try Place()
    let pebble = try await Pebble(place, Self.options())
    let certd = try Certd(place)
    let store = ["--store", place("store")]
    #expect(try await certd("issue", "a.example.com", with: store + pebble.flags).ending == .exited(0))
    // Answers are given where the CA does not look.
    let request = place.read("store/certificates/a.example.com/request.json")
    let elsewhere = request.replacing(":\(pebble.http01Port)", with: ":\(try FreePort.take())")
    try place.write("store/certificates/a.example.com/request.json", elsewhere)

    let revoked = try await certd("revoke", "a.example.com", "--reason", "key-compromise", with: store)
    #expect(revoked.ending == .exited(1), "\(revoked)")
    #expect(revoked.errors.contains("not obtained again: a.example.com:"), "\(revoked)")
    #expect(revoked.output.contains("a.example.com: revoked\n"), "\(revoked)")
    #expect(pebble.log.contains("POST /revoke-cert"))

    try place.write("store/certificates/a.example.com/request.json", request)
    let renewed = try await certd("renew", "--no-delay", with: store)
    #expect(renewed.ending == .exited(0), "\(renewed)")
    #expect(renewed.output.contains("renewed (its key is compromised), generation 2"), "\(renewed)")
    #expect(try Self.leaf(place, 2).publicKeyInfo != Self.leaf(place, 1).publicKeyInfo)
  }

  @Test("a certificate in a file is revoked by its key without an account, and not by a stranger's account")
  func byFile() async throws {
    let place = try Place()
    let pebble = try await Pebble(place)
    let certd = try Certd(place)
    let issued = try await certd("issue", "a.example.com", "--store", place("store"), with: pebble.flags)
    #expect(issued.ending == .exited(0))
    let files = place("store/certificates/a.example.com/current")
    let other = ["--cert", "\(files)/cert.pem", "--store", place("other")] + pebble.flags
    let stranger = try await certd("revoke", with: other)
    #expect(stranger.ending == .exited(1) && stranger.errors.contains("not revoked"), "\(stranger)")
    let withKey = other + ["--key", "\(files)/privkey.pem"]
    let held = try await certd("revoke", "--by", "certificate", with: withKey)
    #expect(held.ending == .exited(0) && held.output.contains("cert.pem: revoked"), "\(held)")
    #expect(
      try await certd("revoke", "--by", "auto", "--reason", "superseded", with: withKey).ending == .exited(0))
  }

  @Test(
    "what cannot be meant is refused",
    arguments: [
      "", "a.example.com --cert file.pem", "a.example.com --key file.pem", "--cert file.pem --generation 1",
      "a.example.com --reason 2", "a.example.com --reason boredom", "a.example.com --by me",
    ])
  func misuse(line: String) async throws {
    let refused = try await Certd(try Place())("revoke", with: line.split(separator: " ").map(String.init))
    #expect(refused.ending == .exited(64), "\(refused)")
  }
}
