import Bytes
import PKI
import TestRun
import Testing

@Suite("Chains", .ownThread) struct ChainTests {
  let rootKey: PrivateKey
  let root: Certificate
  let key: PrivateKey
  let leaf: Certificate
  let names = ["a.example", "127.0.0.1"].compactMap(Identifier.init)

  init() throws {
    rootKey = try Sample.key()
    root = try Sample.root(key: rootKey)
    key = try Sample.key()
    leaf = try Sample.leaf(key: key, root: root, rootKey: rootKey)
  }

  private func reason(
    _ chain: CertificateChain, key: PrivateKey? = nil, names: [Identifier]? = nil, now: UnixTime = Sample.now
  ) -> String? {
    do throws(PKIError) {
      try chain.check(key: key ?? self.key, identifiers: names ?? self.names, now: now)
      return nil
    } catch {
      return error.reason
    }
  }

  @Test("a good chain passes from slightly before its first second to its last")
  func good() throws {
    let chain = try CertificateChain(pem: leaf.pem + root.pem)
    #expect(reason(chain) == nil)
    #expect(reason(chain, now: Sample.now - CertificateChain.allowedClockSkewSeconds) == nil)
    #expect(reason(chain, now: Sample.now + 86_400) == nil)
    #expect(chain.pem == leaf.pem + root.pem)
    #expect(chain.leafPEM == leaf.pem)
    #expect(chain.intermediatesPEM == root.pem)
  }

  @Test("a chain outside its validity fails")
  func validity() throws {
    let chain = CertificateChain(leaf: leaf, intermediates: [root])
    let early = Sample.now - CertificateChain.allowedClockSkewSeconds - 1
    #expect(reason(chain, now: early) == "the leaf is valid only from \(Sample.now)")
    #expect(reason(chain, now: Sample.now + 86_401) == "the leaf expired at \(Sample.now + 86_400)")
  }

  @Test("another key, another name, a foreign or missing link, and a CA as leaf fail")
  func broken() throws {
    let foreign = try Sample.root(key: try Sample.key())
    let chain = CertificateChain(leaf: leaf, intermediates: [])
    #expect(reason(chain, key: rootKey) == "the leaf is for another key")
    #expect(
      reason(chain, names: names + [Identifier.dns("b.example")]) == "the leaf does not cover b.example")
    #expect(
      reason(CertificateChain(leaf: leaf, intermediates: [foreign]))
        == "the leaf is not signed by the next one, CN=Test Root")
    #expect(reason(CertificateChain(leaf: leaf, intermediates: [leaf])) == " is not a CA")
    #expect(
      reason(CertificateChain(leaf: root, intermediates: []), key: rootKey, names: [])
        == "the first certificate is a CA's, not a server's")
  }

  @Test("a chain longer than the limit is refused")
  func tooLong() {
    let pem = Array(repeatElement(root.pem, count: CertificateChain.maximumLength + 1).joined())
    #expect(throws: PKIError.self) { try CertificateChain(pem: pem) }
  }
}
