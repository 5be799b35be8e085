import EndToEnd
import TestRun
import Testing

/// `certd status` beside a running daemon, and what `certd renew` says with its exit status.
@Suite(.ownThread) struct StatusTests {
  private static func configure(_ place: Place, port: UInt16, _ extra: String = "") throws {
    try place.write(
      "certd.yaml",
      """
      store: store
      acme:
        issuers: [local]
        \(extra)
      listeners: [{address: "127.0.0.1:\(port)"}]
      routes: [{hosts: [localhost], service: chat}]
      services:
        chat: {backends: ["127.0.0.1:1"], health: {enabled: false}}
      """)
  }

  @Test("what is stored is found served, then a newer one that is not, then nothing")
  func status() async throws {
    let place = try Place()
    let certd = try Certd(place)
    let port = try FreePort.take()
    try Self.configure(place, port: port)
    let config = ["--config", place("certd.yaml")]
    let daemon = try await certd.run(config)
    try await daemon.logged("certificate proven")
    let well = try await certd("status", with: config)
    #expect(well.ending == .exited(0) && well.output.contains("current"), "\(well)")
    let json = try await certd("status", with: config + ["-o", "json"])
    #expect(json.ending == .exited(0) && json.output.contains(#""state" : "current""#), "\(json)")
    #expect(try await certd("status", with: config + ["--quiet"]).output == "")

    #expect(try await daemon.stop() == .exited(0))
    let gone = try await certd("status", with: config)
    #expect(gone.ending == .exited(1) && gone.output.contains("unreachable"), "\(gone)")
    let empty = try Place()
    let other = try await Certd(empty)("status", "--store", empty("nothing"))
    #expect(other.ending == .exited(0) && other.output.contains("no certificates"), "\(other)")
  }

  @Test("another certificate than the stored one is drift, and so is a deployment that has failed")
  func drift() async throws {
    let place = try Place()
    let certd = try Certd(place)
    let port = try FreePort.take()
    try Self.configure(place, port: port)
    let daemon = try await certd.run(["--config", place("certd.yaml")])
    try await daemon.logged("certificate proven")
    // The same host, kept in another store: the daemon does not know of it.
    let text = place.read("certd.yaml").replacing("store: store", with: "store: other")
      .replacing("issuers: [local]", with: "issuers: [local]\n  deploy: [{command: \"exit 7\"}]")
    try place.write("other.yaml", text)
    let config = ["--config", place("other.yaml")]
    let renewed = try await certd("renew", with: ["--no-delay", "--detailed-exit-code"] + config)
    #expect(renewed.ending == .exited(4), "\(renewed)")
    #expect(renewed.errors.contains("proof of service failed"), "\(renewed)")
    #expect(renewed.errors.contains("goes on presenting another certificate"), "\(renewed)")
    let drifted = try await certd("status", with: config)
    #expect(drifted.ending == .exited(1), "\(drifted)")
    #expect(drifted.output.contains("other"), "\(drifted)")
    #expect(drifted.output.contains("deploy hook waits after 1 failures"), "\(drifted)")
    #expect(try await daemon.stop() == .exited(0))
  }

  @Test("renew tells unchanged, renewed and failed apart when asked to")
  func exitCodes() async throws {
    let place = try Place()
    let certd = try Certd(place)
    try Self.configure(place, port: 1)
    let renew = ["--no-delay", "--detailed-exit-code", "-o", "json", "--config", place("certd.yaml")]
    let first = try await certd("renew", with: renew)
    #expect(first.ending == .exited(3) && first.output.contains(#""outcome" : "renewed""#), "\(first)")
    let second = try await certd("renew", with: renew)
    #expect(second.ending == .exited(0) && second.output.contains(#""outcome" : "not-due""#), "\(second)")
    let missing = try await certd("renew", with: renew + ["--name", "nobody"])
    #expect(missing.ending == .exited(1) && missing.output.contains("no certificate nobody"), "\(missing)")
    let plain = try await certd("renew", "--no-delay", "--force", "--config", place("certd.yaml"))
    #expect(plain.ending == .exited(0), "\(plain)")
  }

  @Test("a renewal beside the daemon is proven there, and a server that is to have it is asked until it does")
  func provenElsewhere() async throws {
    let place = try Place()
    let certd = try Certd(place)
    let port = try FreePort.take()
    let elsewhere = try FreePort.take()
    try Self.configure(place, port: port, "deploy: [{served_at: \"localhost:\(elsewhere)\"}]")
    let config = ["--config", place("certd.yaml")]
    let daemon = try await certd.run(config)
    try await daemon.logged("certificate proven")
    let renew = ["--no-delay", "--force", "--detailed-exit-code"] + config
    let failed = try await certd("renew", with: renew)
    #expect(failed.ending == .exited(4), "\(failed)")
    #expect(failed.errors.contains("proof of service at localhost:\(elsewhere) failed"), "\(failed)")
    #expect(!failed.errors.contains("goes on presenting"), "\(failed)")
    let status = try await certd("status", with: config)
    #expect(status.ending == .exited(1) && status.output.contains("localhost:\(elsewhere)"), "\(status)")

    // The same certificate, presented by a server of somebody else's.
    let key = place("store/certificates/localhost/current/privkey.pem")
    let chain = place("store/certificates/localhost/current/fullchain.pem")
    let server = try await place.start(
      [
        "openssl", "s_server", "-accept", "localhost:\(elsewhere)", "-cert", chain, "-cert_chain", chain,
        "-key", key, "-quiet",
      ], called: "openssl")
    try await eventually("a renew that proves") {
      try await certd("renew", with: ["--no-delay", "--quiet"] + config).ending == .exited(0)
    }
    #expect(try await certd("status", with: config).ending == .exited(0))
    server.signal(15)
    _ = try await server.end()
    #expect(try await daemon.stop() == .exited(0))
  }
}
