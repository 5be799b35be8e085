import TestRun
import PKI
import Testing

@testable import Configuration

@Suite(.ownThread) struct KeyTypeTests {
  private func certificates(_ acme: String, _ entry: String = "") throws -> [String] {
    let found = try configuration(
      """
      acme: {agree_tos: true\(acme)}
      routes: [{hosts: [a.example.org], service: s}]
      services: {s: {backends: [h:1]}}
      \(entry)
      """
    ).managedCertificates { _ in false }
    #expect(found.errors == [])
    return found.certificates.map { "\($0.name): \($0.keyType.rawValue)\($0.isSibling ? " too" : "")" }
  }

  @Test("one type or two make one certificate or two, the second called after its key")
  func two() throws {
    #expect(try certificates("") == ["a.example.org: ec-p256"])
    #expect(try certificates(", key_type: rsa-3072") == ["a.example.org: rsa-3072"])
    #expect(try certificates(", key_type: [rsa-3072]") == ["a.example.org: rsa-3072"])
    #expect(
      try certificates(", key_type: [ec-p256, rsa-2048]") == [
        "a.example.org: ec-p256", "a.example.org.rsa-2048: rsa-2048 too",
      ])
    let entry = "certificates: [{names: [a.example.org], name: x, key_type: [rsa-2048, ec-p384]}]"
    #expect(try certificates("", entry) == ["x: rsa-2048", "x.ec-p384: ec-p384 too"])
  }

  @Test(
    "key types that are none, or of which one would never be used, are refused at their place",
    arguments: [
      ("[ec-p256, ec-p384]", "acme.key_type[1]: no client would ever be shown the second of two ECDSA keys"),
      ("[rsa-2048, rsa-2048]", "acme.key_type[1]: no client would ever be shown the second of two RSA keys"),
      ("[]", "acme.key_type: the list is empty"), ("[rsa2048]", "acme.key_type[0]: \"rsa2048\" is not known"),
      ("[ec-p256, rsa-2048, rsa-4096]", "acme.key_type: holds 3 values, more than 2"),
      ("{}", "acme.key_type: expected a single value"),
    ])
  func refused(value: String, message: String) {
    let told = errors("acme: {key_type: \(value)}")
    #expect(told.contains { $0.contains(message) }, "\(told)")
  }

  @Test("a certificate that has the name of another one's second key is refused")
  func namesakes() throws {
    let told = errors(
      """
      acme: {issuers: [local], key_type: [ec-p256, rsa-2048]}
      certificates: [{names: [a.example.org]}, {names: [b.example.org], name: a.example.org.rsa-2048}]
      """)
    #expect(
      told.contains { $0.contains("certificates[1]: has the name \"a.example.org.rsa-2048\"") }, "\(told)")
  }
}
