import EndToEnd
import OS
import PKI
import TestRun
import Testing

/// HTTPS for a machine that has only an address (RFC 8738).
@Suite(.ownThread) struct AddressTests {
  private static let hasIPv6 =
    SocketAddress(host: "::1", port: 0).flatMap { try? ListeningSocket.open($0, sharesPort: false) } != nil

  private func curl(_ place: Place, _ pebble: Pebble, _ url: String) async throws -> Place.Finished {
    try await place.run(
      ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", pebble.issuingRootPath, url],
      called: "curl")
  }

  @Test("run --ip obtains one certificate for all addresses, which clients verify by address")
  func run() async throws {
    let place = try Place()
    let pebble = try await Pebble(place)
    let model = try await ModelServer(place)
    let port = try FreePort.take()
    let address = Self.hasIPv6 ? "[::]:\(port)" : "127.0.0.1:\(port)"
    let flags =
      ["--ip", "127.0.0.1", "--backend", model.url, "--https-address", address, "--store", place("store")]
      + (Self.hasIPv6 ? ["--ip", "0:0:0:0::1"] : [])
      // The CA asks at each address.
      + pebble.flags.map { $0.hasPrefix("127.0.0.1:") && Self.hasIPv6 ? "[::]:\(pebble.http01Port)" : $0 }
    let daemon = try await Certd(place).run(flags)
    try await daemon.logged("certificate proven")
    let expected: [Identifier] =
      [.ip([127, 0, 0, 1])] + (Self.hasIPv6 ? [.ip(Array(repeating: 0, count: 15) + [1])] : [])
    #expect(try await daemon.leaf("127.0.0.1").identifiers == expected)
    for host in ["127.0.0.1"] + (Self.hasIPv6 ? ["[::1]"] : []) {
      let answer = try await curl(place, pebble, "https://\(host):\(port)/v1/models")
      #expect(answer.output == "200", "\(host): \(answer) \(daemon.log)")
    }
    // Some clients put the address into the server name, against RFC 6066 §3.
    let named = try await place.run(
      [
        "openssl", "s_client", "-connect", "127.0.0.1:\(port)", "-servername", "127.0.0.1",
        "-verify_return_error",
        "-CAfile", pebble.issuingRootPath, "-verify_ip", "127.0.0.1",
      ], called: "s_client")
    #expect(named.output.contains("Verify return code: 0"), "\(named)")
    let status = try await Certd(place)("status", with: flags)
    #expect(status.ending == .exited(0), "\(status)")
    let renewed = try await Certd(place)("renew", "--force", "--no-delay", "--store", place("store"))
    #expect(renewed.ending == .exited(0), "\(renewed)")
    #expect(try await daemon.stop() == .exited(0))
  }

  @Test("beside a name the address's certificate is for clients that name no server")
  func besideName() async throws {
    let place = try Place()
    let pebble = try await Pebble(place)
    let model = try await ModelServer(place)
    let port = try FreePort.take()
    let daemon = try await Certd(place).run(
      [
        "--domain", "a.example.com", "--ip", "127.0.0.1", "--backend", model.url, "--https-address",
        "127.0.0.1:\(port)", "--store", place("store"),
      ] + pebble.flags)
    try await daemon.logged("certificate proven", times: 2)
    #expect(try await daemon.leaf("a.example.com").identifiers == [.dns("a.example.com")])
    #expect(try await curl(place, pebble, "https://127.0.0.1:\(port)/v1/models").output == "200")
    #expect(try await daemon.stop() == .exited(0))
  }

  @Test("an address is proven by tls-alpn-01 under its reverse name, by a listener and by a command")
  func tlsALPN() async throws {
    let place = try Place()
    let port = try FreePort.take()
    var options = Pebble.Options()
    options.tlsALPN01Port = port
    let pebble = try await Pebble(place, options)
    let certd = try Certd(place)
    let file = try place.write(
      "certd.yaml",
      """
      store: store
      \(pebble.acmeSection)
        challenges: [tls-alpn-01]
        tls_alpn01: {address: "127.0.0.1:\(port)"}
      listeners: [{address: "127.0.0.1:\(port)"}]
      routes: [{hosts: [127.0.0.1], service: chat}]
      services: {chat: {backends: ["127.0.0.1:1"], health: {enabled: false}}}
      """)
    let alone = try await certd("renew", "--no-delay", "--config", file)
    #expect(alone.ending == .exited(0), "\(alone) \(pebble.log)")
    let daemon = try await certd.run(["--config", file])
    let renewed = try await certd("renew", "--no-delay", "--force", "--config", file)
    #expect(renewed.ending == .exited(0), "\(renewed)")
    #expect(pebble.tokens.isEmpty)
    #expect(try await daemon.stop() == .exited(0))
  }

  @Test("a name given as an address, and an address without backends, are refused")
  func refused() async throws {
    let place = try Place()
    let certd = try Certd(place)
    let name = try await certd("run", "--ip", "a.example.com", "--backend", "127.0.0.1:1")
    #expect(name.ending == .exited(64) && name.errors.contains("--domain"), "\(name)")
    let alone = try await certd("run", "--ip", "192.0.2.1", "--issuer", "local")
    #expect(alone.ending == .exited(2), "\(alone)")
    let isPrivate = try await certd(
      "run", "--ip", "10.0.0.1", "--backend", "127.0.0.1:1", "--agree-tos", "--store", place("store"))
    #expect(isPrivate.ending == .exited(2) && isPrivate.errors.contains("--ip"), "\(isPrivate)")
  }
}
