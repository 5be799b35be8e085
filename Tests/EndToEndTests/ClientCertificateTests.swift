import Bytes
import EndToEnd
import OS
import TLS
import TestPeers
import TestSupport
import TestRun
import Testing

/// Clients' certificates with real clients: curl, and `openssl s_client`.
@Suite(.ownThread) struct ClientCertificateTests {
  private struct Scene {
    let place: Place
    let certd: Certd
    let backend: LocalServer
    let clients: ClientAuthority
    let daemon: Certd.Daemon
    let curl: Curl

    init() async throws {
      place = try Place()
      certd = try Certd(place)
      clients = try ClientAuthority("Clients of the test")
      backend = try LocalServer { connection in
        let head = connection.readHead()
        connection.write("HTTP/1.1 200 OK\r\nContent-Length: \(head.utf8.count)\r\n\r\n\(head)")
        connection.readToEnd()
      }
      try Self.write(place, "clients.pem", clients.pem)
      try Self.write(place, "clients.crl", clients.revoking())
      try place.write(
        "certd.yaml",
        """
        store: store
        acme: {issuers: [local]}
        log: {access: access.log}
        listeners:
          - address: "127.0.0.1:0"
            tls: {profile: custom, ciphers: [ECDHE-ECDSA-AES256-GCM-SHA384], groups: [X25519MLKEM768, P-384, P-256]}
            client_certificates: {ca: [clients.pem], crl: [clients.crl], names: true}
        routes: [{hosts: [localhost], service: echo}]
        services: {echo: {backends: ["127.0.0.1:\(backend.address.port)"]}}
        """)
      daemon = try await certd.run(["--config", place("certd.yaml")])
      try await daemon.logged("certificate proven")
      try place.write("root.pem", try await certd("ca", "root", "--store", place("store")).output)
      curl = Curl(place, host: "localhost", port: try daemon.httpsPort(), root: place("root.pem"))
    }

    static func write(_ place: Place, _ name: String, _ bytes: [UInt8]) throws {
      try place.write(name, String(decoding: bytes, as: UTF8.self))
    }

    /// A client's files, as curl's arguments.
    func files(_ credential: Credential, _ name: String) throws -> [String] {
      let pem =
        "-----BEGIN CERTIFICATE-----\n\(Base64.encode(credential.chain[0]))\n-----END CERTIFICATE-----\n"
      try place.write("\(name).crt", pem.wrapped)
      try Self.write(place, "\(name).key", credential.privateKeyPEM)
      return ["--cert", place("\(name).crt"), "--key", place("\(name).key")]
    }
  }

  @Test(
    "curl is let in with its certificate, the backend and the log know it, and a revocation counts after SIGHUP",
    arguments: ["1.2", "1.3"])
  func curl(_ version: String) async throws {
    let scene = try await Scene()
    let credential = try scene.clients.client("CN=alice,O=Example", names: "DNS:alice.test")
    let alice = try scene.files(credential, "alice") + ["--tls-max", version]
    let answer = try await scene.curl("/hello", alice + ["-H", "Client-Cert: :Zm9yZ2Vk:"])
    #expect(answer.ending == .exited(0), "\(answer)")
    #expect(answer.output.contains("Client-Cert: :\(Base64.encode(credential.chain[0])):\r\n"), "\(answer)")
    #expect(answer.output.contains("X-Client-Cert-Subject: O=Example,CN=alice\r\n"))
    #expect(answer.output.contains("X-Client-Cert-SAN: \"DNS:alice.test\"\r\n"))
    #expect(!answer.output.contains("Zm9yZ2Vk"))
    try await eventually("the access log: \(scene.place.read("access.log"))") {
      scene.place.read("access.log").contains(#""identity":"O=Example,CN=alice""#)
    }
    #expect(try await scene.curl("/hello", ["--tls-max", version]).ending != .exited(0))
    let stranger = try scene.files(ClientAuthority("Strangers").client(), "stranger")
    #expect(try await scene.curl("/hello", stranger + ["--tls-max", version]).ending != .exited(0))

    try Scene.write(scene.place, "clients.crl", scene.clients.revoking([credential]))
    scene.daemon.child.signal(1)
    try await scene.daemon.logged("configuration reloaded")
    #expect(try await scene.curl("/hello", alice).ending != .exited(0))
    try Scene.write(scene.place, "clients.crl", scene.clients.revoking())
    // Without SIGHUP: the file is watched.
    try await eventually("alice is let in again: \(scene.daemon.log)") {
      try await scene.curl("/hello", alice).ending == .exited(0)
    }
  }

  @Test("openssl s_client sees the authorities' names and the algorithms that were chosen")
  func sClient() async throws {
    let scene = try await Scene()
    let files = try scene.files(scene.clients.client(), "alice")
    let port = try scene.daemon.httpsPort()
    for (version, expected) in [
      ("-tls1_2", ["ECDHE-ECDSA-AES256-GCM-SHA384", "P-384"]), ("-tls1_3", ["TLS_AES_", "P-384"]),
    ] {
      let seen = try await scene.place.run(
        [
          "openssl", "s_client", "-connect", "127.0.0.1:\(port)", "-servername", "localhost", version,
          "-cert",
          files[1], "-key", files[3], "-CAfile", scene.place("root.pem"), "-verify_return_error",
        ], called: "s_client")
      #expect(seen.ending == .exited(0), "\(seen)")
      #expect(
        seen.output.contains("Acceptable client certificate CA names\nCN = Clients of the test"), "\(seen)")
      for text in expected where !text.hasPrefix("P-") { #expect(seen.output.contains(text), "\(seen)") }
    }
  }

  @Test("what is wrong with the files is told by certd check with its place")
  func check() async throws {
    let scene = try await Scene()
    let config = scene.place.read("certd.yaml")
    let fine = try await scene.certd("check", "--config", scene.place("certd.yaml"))
    #expect(fine.ending == .exited(0), "\(fine)")
    try Scene.write(scene.place, "clients.crl", scene.clients.revoking(untilSeconds: -60))
    let expired = try await scene.certd("check", "--config", scene.place("certd.yaml"))
    #expect(expired.ending == .exited(0))
    #expect(expired.errors.contains("certd.yaml:7:26: listeners[0].client_certificates: "), "\(expired)")
    #expect(
      expired.errors.contains("the revocation list of CN=Clients of the test has expired"), "\(expired)")
    for (old, new, told) in [
      ("ca: [clients.pem]", "ca: [nowhere.pem]", "certd.yaml:7:32: listeners[0].client_certificates.ca[0]: "),
      ("crl: [clients.crl]", "crl: [clients.pem]", "no PEM revocation list found"),
      (
        "P-384", "P-385",
        #"listeners[0].tls.groups[1]: "P-385" is no key exchange group; did you mean "P-384"?"#
      ),
    ] {
      try scene.place.write("other.yaml", config.replacing(old, with: new))
      let refused = try await scene.certd("check", "--config", scene.place("other.yaml"))
      #expect(refused.ending == .exited(2), "\(refused)")
      #expect(refused.errors.contains(told.replacing("certd.yaml", with: "other.yaml")), "\(refused)")
    }
  }
}

extension String {
  /// Lines of 64 characters, as PEM wants them.
  fileprivate var wrapped: String {
    split(separator: "\n").map { line in
      var (rest, lines) = (line, [Substring]())
      while !rest.isEmpty {
        lines.append(rest.prefix(64))
        rest = rest.dropFirst(64)
      }
      return lines.joined(separator: "\n")
    }.joined(separator: "\n") + "\n"
  }
}
