import Bytes
import PKI
import TestRun
import Testing

@Suite("The judge of certificates", .ownThread) struct CertificateJudgeTests {
  private func findings(_ type: KeyType = .ecP256, from: Int64, to: Int64) throws -> [CertificateFinding] {
    let (rootKey, key) = (try Sample.key(), try Sample.key(type))
    let root = try CertificateAuthority.makeRoot(
      commonName: "r", key: rootKey, notBefore: Sample.now - 86400 * 900, lifetimeSeconds: 86400 * 2000,
      serial: [1])
    let leaf = try Sample.leaf(
      key: key, root: root, rootKey: rootKey, notBefore: Sample.now + from * 86400,
      lifetime: (to - from) * 86400)
    return CertificateJudge().findings(CertificateChain(leaf: leaf, intermediates: []), now: Sample.now)
  }

  @Test(
    "times are judged by the life that was given",
    arguments: [
      (-89, 1, "it expires soon"), (-89, -1, "it expired"), (1, 90, "it is valid only from"),
      (-1, 89, nil), (-60, 30, nil), (-76, 14, "it expires soon"), (-6, 2, nil), (-7, 1, "it expires soon"),
      (-334, 31, nil), (-336, 29, "it expires soon"),
    ] as [(Int64, Int64, String?)])
  func times(_ from: Int64, _ to: Int64, _ words: String?) throws {
    let found = try findings(from: from, to: to).map(\.description)
    #expect(found.count == (words == nil ? 0 : 1))
    if let words { #expect(found.first?.hasPrefix(words) == true) }
  }

  @Test("RSA of 2,048 bits and P-384 are good")
  func keys() throws {
    #expect(try findings(.rsa2048, from: -1, to: 89).isEmpty)
    #expect(try findings(.ecP384, from: -1, to: 89).isEmpty)
  }
}
