import EndToEnd
import PKI
import TestRun
import Testing

/// An ECDSA and an RSA certificate for the same names, side by side.
@Suite(.ownThread) struct TwoKeysTests {
  /// What `openssl s_client` is shown.
  private func leaf(_ place: Place, _ port: UInt16, _ signatures: String, _ version: String) async throws
    -> Certificate?
  {
    let client = try await place.run(
      [
        "openssl", "s_client", "-connect", "127.0.0.1:\(port)", "-servername", "a.example.com", "-sigalgs",
        signatures, version,
      ], called: "s_client")
    let block = client.output.split(separator: "-----BEGIN CERTIFICATE-----").dropFirst().first ?? ""
    let body = block.split(separator: "-----END").first ?? ""
    let pem = "-----BEGIN CERTIFICATE-----\(body)-----END CERTIFICATE-----\n"
    return (try? Certificate.parse(pem: Array(pem.utf8)))?.first
  }

  private func check(_ place: Place, _ port: UInt16) async throws {
    for version in ["-tls1_2", "-tls1_3"] {
      let rsa = try await leaf(place, port, "RSA-PSS+SHA256", version)
      #expect(rsa?.keyTypeDescription == "RSA 2048", "\(version)")
      let ecdsa = try await leaf(place, port, "ECDSA+SHA256", version)
      #expect(ecdsa?.keyTypeDescription == "ECDSA P-256", "\(version)")
    }
  }

  @Test("the daemon obtains, proves and presents both; commands tell their keys apart; each is renewed alone")
  func issued() async throws {
    let place = try Place()
    let pebble = try await Pebble(place)
    let certd = try Certd(place)
    let port = try FreePort.take()
    let file = try place.write(
      "certd.yaml",
      """
      store: store
      \(pebble.acmeSection)
        key_type: [ec-p256, rsa-2048]
      listeners: [{address: "127.0.0.1:\(port)", tls: compatible}, {address: "127.0.0.1:\(pebble.http01Port)", redirect: https}]
      routes: [{hosts: [a.example.com], service: chat}]
      services: {chat: {backends: ["127.0.0.1:1"], health: {enabled: false}}}
      """)
    let daemon = try await certd.run(["--config", file])
    try await daemon.logged("certificate proven", times: 2)
    try await check(place, port)
    let status = try await certd("status", "--config", file)
    #expect(status.ending == .exited(0), "\(status)")
    for (name, key) in [("a.example.com ", "ECDSA P-256"), ("a.example.com.rsa-2048 ", "RSA 2048")] {
      let line = status.output.split(separator: "\n").first { $0.hasPrefix(name) } ?? ""
      #expect(line.contains(key) && line.contains("current"), "\(status)")
    }
    let renewed = try await certd(
      "renew", "--force", "--no-delay", "--name", "a.example.com.rsa-2048", "--config", file)
    #expect(renewed.ending == .exited(0), "\(renewed)")
    let list = try await certd("list", "-o", "json", "--store", place("store"))
    #expect(
      list.output.contains(#""generation" : 2"#) && list.output.contains(#""generation" : 1"#), "\(list)")
    #expect(list.output.contains("RSA 2048") && list.output.contains("ECDSA P-256"), "\(list)")
    #expect(try await daemon.stop() == .exited(0))
  }

  @Test("two pairs of files for one name are both presented")
  func files() async throws {
    let place = try Place()
    let authority = try TestCertificates(place, "files")
    let ecdsa = try authority.issue(["a.example.com"], called: "ecdsa")
    let rsa = try authority.issue(["a.example.com"], called: "rsa", type: .rsa2048)
    let file = try place.write(
      "certd.yaml",
      """
      store: store
      certificates:
        - {cert: \(ecdsa.certificate), key: \(ecdsa.key)}
        - {cert: \(rsa.certificate), key: \(rsa.key)}
      listeners: [{address: "127.0.0.1:0", tls: compatible}]
      routes: [{hosts: [a.example.com], service: chat}]
      services: {chat: {backends: ["127.0.0.1:1"], health: {enabled: false}}}
      """)
    let daemon = try await Certd(place).run(["--config", file])
    try await check(place, daemon.httpsPort())
    #expect(try await daemon.stop() == .exited(0))
  }

  @Test("issue asked for two keys obtains two certificates, and renew knows both")
  func command() async throws {
    let place = try Place()
    let pebble = try await Pebble(place)
    let certd = try Certd(place)
    let issued = try await certd(
      "issue", "a.example.com", "--key-type", "ec-p256", "--key-type", "rsa-2048", "--store", place("store"),
      with: pebble.flags)
    #expect(issued.ending == .exited(0), "\(issued)")
    let renewed = try await certd("renew", "--force", "--no-delay", "--store", place("store"))
    #expect(renewed.ending == .exited(0), "\(renewed)")
    for (name, key) in [("a.example.com", "ECDSA P-256"), ("a.example.com.rsa-2048", "RSA 2048")] {
      let shown = try await certd("show", name, "--store", place("store"))
      #expect(shown.output.contains(key) && shown.output.contains("Generation:   2"), "\(shown)")
    }
    let refused = try await certd(
      "issue", "a.example.com", "--key-type", "rsa-4096", "--key-type", "rsa-2048", with: pebble.flags)
    #expect(refused.ending == .exited(64), "\(refused)")
  }
}
