import HTTP
import TestRun
import Testing

@testable import Configuration

@Suite("A fleet in the configuration", .ownThread) struct FleetKeysTests {
  private static let seal = String(repeating: "5a", count: 32)

  @Test("what is written is read, and what is not has its default")
  func values() throws {
    let read = try configuration(
      """
      fleet:
        etcd: {endpoints: ["https://10.0.0.1:2379"], ca: ca.pem, cert: c.pem, key: k.pem, user: certd, password: x}
        seal_key: "\(Self.seal)"
        old_seal_keys: ["\(String(repeating: "AQEB", count: 10))AQE="]
        node: edge-1
      """
    ).fleet
    let fleet = try #require(read)
    #expect(fleet.endpoints == [try #require(URL("https://10.0.0.1:2379"))])
    #expect(fleet.ca == "/etc/certd/ca.pem" && fleet.cert == "/etc/certd/c.pem" && fleet.user == "certd")
    #expect(fleet.prefix == "/certd" && fleet.node == "edge-1")
    #expect(fleet.sealKey == [UInt8](repeating: 0x5A, count: 32))
    #expect(fleet.oldSealKeys == [[UInt8](repeating: 1, count: 32)])
    #expect(try configuration("{}").fleet == nil)
  }

  @Test(
    "what is wrong is told with what to do, and a key never",
    arguments: [
      ("node: a b", "is no name of a node; write up to 64 letters"),
      ("prefix: certd", "is no prefix; write a slash"),
      ("seal_key: hunter2", "it is no key of 32 bytes in base64 or hexadecimal; make one"),
      ("etcd: {endpoints: [\"http://10.0.0.1:2379\"]}", "fleet.etcd.endpoints[0]"),
      ("etcd: {endpoints: [\"https://10.0.0.1:2379/v3\"]}", "is no member of etcd"),
      ("etcd: {endpoints: [\"https://10.0.0.1:2379\"], cert: a}", "cert and key belong together"),
      ("etcd: {endpoints: [\"https://10.0.0.1:2379\"], user: a}", "user and password belong together"),
      ("etcd: {endpoints: []}", "the list is empty"),
      ("nod: a", "did you mean \"node\"?"),
    ])
  func wrong(text: String, told: String) {
    let found = errors("fleet:\n  \(text)")
    #expect(found.contains { $0.contains(told) }, "\(found)")
    #expect(!found.contains { $0.contains("hunter2") })
  }
}
