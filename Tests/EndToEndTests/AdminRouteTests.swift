import EndToEnd
import TestRun
import Testing

/// certd's own admin API behind routes, for other machines.
@Suite("Routes to certd itself", .ownThread) struct AdminRouteTests {
  private struct Scene {
    let place: Place
    let certd: Certd
    let authority: TestCertificates

    init(clients: String = "") throws {
      place = try Place()
      certd = try Certd(place)
      authority = try TestCertificates(place, "files")
      _ = try authority.issue(["localhost"], called: "site")
      try place.write("keys.txt", "a-key-of-sixteen-characters\n")
      try place.write(
        "certd.yaml",
        """
        store: store
        listeners: [{address: "127.0.0.1:0"\(clients)}]
        certificates: [{cert: site.crt, key: site.key}]
        routes:
          - {paths: ["/read/*"], strip_prefix: /read, service: read, \(Self.guarded(clients))}
          - {paths: ["/change/*"], strip_prefix: /change, service: change, \(Self.guarded(clients))}
          - {service: page, \(Self.guarded(clients))}
        services:
          page: {backends: ["admin:page"]}
          read: {backends: ["admin:read"]}
          change: {backends: ["admin:change"]}
        """)
    }

    private static func guarded(_ clients: String) -> String {
      clients.isEmpty ? "auth: {api_keys: keys.txt}" : "client_certificate: required"
    }

    func get(_ daemon: Certd.Daemon, _ path: String, _ arguments: [String] = []) async throws -> String {
      try await Curl(place, host: "localhost", port: try daemon.httpsPort(), root: authority.rootPath)(
        path, ["-w", "\n%{http_code}"] + arguments
      ).output
    }
  }

  @Test("the page is behind a key, and each route goes as far as its right")
  func rights() async throws {
    let scene = try Scene()
    let daemon = try await scene.certd.run(["--config", scene.place("certd.yaml")])
    let key = ["-H", "Authorization: Bearer a-key-of-sixteen-characters"]
    #expect(try await scene.get(daemon, "/").hasSuffix("\n401"))
    let page = try await scene.get(daemon, "/", key)
    #expect(page.contains("<!DOCTYPE html>") && page.hasSuffix("\n200"), "\(page)")
    #expect(try await scene.get(daemon, "/metrics", key).hasSuffix("\n403"))
    #expect(try await scene.get(daemon, "/read/metrics", key).contains("certd_build_info"))
    #expect(try await scene.get(daemon, "/read/reload", key + ["-X", "POST"]).hasSuffix("\n403"))
    #expect(try await scene.get(daemon, "/change/reload", key + ["-X", "POST"]).hasSuffix("\n200"))
    // The page lives on by its events.
    let events = try await scene.get(daemon, "/events", key + ["--max-time", "1"])
    #expect(events.contains("data:"), "\(events)")
    #expect(try await daemon.stop() == .exited(0))
  }

  @Test("what goes to it without a key or a certificate is an error of the configuration, told with its line")
  func refused() async throws {
    let scene = try Scene()
    let text = scene.place.read("certd.yaml").replacing(
      "service: page, auth: {api_keys: keys.txt}", with: "service: page")
    try scene.place.write("open.yaml", text)
    let checked = try await scene.certd("check", with: ["--config", scene.place("open.yaml")])
    #expect(checked.ending != .exited(0))
    #expect(
      checked.errors.contains("open.yaml:7") && checked.errors.contains("anybody could ask certd itself"),
      "\(checked)")
  }
}
