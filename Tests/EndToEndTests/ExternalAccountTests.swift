import Bytes
import EndToEnd
import FakeGoogle
import PKI
import TestRun
import Testing

/// External accounts whose keys certd gets by itself.
@Suite(.ownThread) struct ExternalAccountTests {
  /// What the stand-in for Google hands out.
  private static var googleKeys: [String: String] {
    Dictionary(
      uniqueKeysWithValues: (0..<20).map { number in
        ("key-\(number)", Base64URL.encode((0..<32).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ number) }))
      })
  }

  private func pebble(_ place: Place, _ keys: [String: String]) async throws -> Pebble {
    var options = Pebble.Options()
    options.externalAccounts = keys
    return try await Pebble(place, options)
  }

  private func configuration(_ pebble: Pebble, eab: String, _ more: String) -> String {
    """
    store: store
    acme:
      email: ops@example.com
      agree_tos: true
      issuers: [{name: ca, directory: "\(pebble.directoryURL)", roots: ["\(pebble.apiRootPath)"], eab: \(eab)}]
      http01: {address: "127.0.0.1:\(pebble.http01Port)"}
    certificates: [{names: [a.example.com]}]
    \(more)
    """
  }

  private func certd(
    _ place: Place, _ arguments: [String], _ environment: [String: String] = [:]
  ) async throws -> Place.Finished {
    try await place.run([try Place.certd()] + arguments, environment: environment, called: "certd")
  }

  @Test("a key of Google's public CA is asked for once, used, and forgotten")
  func google() async throws {
    let place = try Place()
    let google = try FakeGoogle()
    let pebble = try await pebble(place, Self.googleKeys)
    try place.write("sa.json", try google.serviceAccountFile())
    let gcp = "gcp: {project: demo-project, credentials: sa.json}"
    try place.write("certd.yaml", configuration(pebble, eab: "google", gcp))
    let endpoint = ["CERTD_GCP_PUBLICCA_ENDPOINT": google.url]
    google.configure { $0.denied = ["publicca.externalAccountKeys.create"] }
    let denied = try await certd(place, ["renew", "--no-delay"], endpoint)
    #expect(denied.ending == .exited(1), "\(denied)")
    #expect(
      denied.output.contains("publicca.externalAccountKeys.create")
        || denied.errors.contains("publicca.externalAccountKeys.create"), "\(denied)")
    google.configure { $0.denied = [] }
    google.clearJournal()
    for _ in 0..<2 {
      let done = try await certd(place, ["renew", "--no-delay", "--force"], endpoint)
      #expect(done.ending == .exited(0), "\(done) \(pebble.log)")
    }
    #expect(google.journal.filter { $0.path.hasSuffix("/externalAccountKeys") }.count == 1)
    let left = try await place.run(["find", place("store"), "-name", "external-key.json"], called: "find")
    #expect(left.output == "")
  }

  @Test("a key that could not be used yet is kept for the owner alone, and used later")
  func kept() async throws {
    let place = try Place()
    let google = try FakeGoogle()
    let pebble = try await pebble(place, Self.googleKeys)
    let proxy = try await FaultProxy(place, pebble, called: "eab")
    try place.write("sa.json", try google.serviceAccountFile())
    let text = configuration(
      pebble, eab: "google", "gcp: {project: demo-project, credentials: sa.json}"
    ).replacing(pebble.directoryURL, with: proxy.directoryURL).replacing(
      pebble.apiRootPath, with: proxy.rootPath)
    try place.write("certd.yaml", text)
    let endpoint = ["CERTD_GCP_PUBLICCA_ENDPOINT": google.url]
    // Directory, nonce, the question whether there is an account: then comes the key, and the registration.
    try await proxy.breakRequest(3, "503")
    let child = try await place.start(
      [try Place.certd(), "renew", "--no-delay"], environment: endpoint, called: "certd")
    var kept = ""
    try await eventually("a key is kept, or all is done") {
      kept = try await place.run(
        ["find", place("store"), "-name", "external-key.json", "-perm", "600"], called: "find"
      ).output
      return !kept.isEmpty || child.ending != nil
    }
    #expect(!kept.isEmpty, "\(child.output)\(child.errors)")
    child.signal(9)
    _ = try await child.end()
    let done = try await certd(place, ["renew", "--no-delay", "--force"], endpoint)
    #expect(done.ending == .exited(0), "\(done)")
    #expect(google.journal.filter { $0.path.hasSuffix("/externalAccountKeys") }.count == 1)
  }

  @Test("an external account given by flags is used, and kept for renewals without its key")
  func flags() async throws {
    let place = try Place()
    let key = Base64URL.encode((0..<32).map { UInt8($0) })
    let pebble = try await pebble(place, ["kid-7": key])
    try place.write("mac", key + "\n")
    let store = ["--store", place("store")]
    let half = try await certd(
      place, ["issue", "a.example.com", "--eab-kid", "kid-7"] + store + pebble.flags)
    #expect(half.ending != .exited(0) && half.errors.contains("--eab-key-file"), "\(half)")
    let issued = try await certd(
      place,
      ["issue", "a.example.com", "--eab-kid", "kid-7", "--eab-key-file", "mac"] + store + pebble.flags)
    #expect(issued.ending == .exited(0), "\(issued)")
    let kept = place.read("store/certificates/a.example.com/request.json")
    #expect(kept.contains("kid-7") && kept.contains(place("mac")) && !kept.contains(key), "\(kept)")
    let renewed = try await certd(place, ["renew", "--force", "--no-delay"] + store)
    #expect(renewed.ending == .exited(0), "\(renewed)")
  }

  @Test("an account that was deactivated elsewhere is told with what to do, and that works")
  func deactivated() async throws {
    let place = try Place()
    let pebble = try await pebble(place, [:])
    try place.write(
      "certd.yaml",
      """
      store: store
      \(pebble.acmeSection)
      certificates: [{names: [a.example.com]}]
      """)
    let renew = ["renew", "--force", "--no-delay"]
    #expect(try await certd(place, renew).ending == .exited(0))
    _ = try await place.run(["cp", "-a", place("store"), place("other")], called: "cp")
    let end = ["account", "deactivate", "--ca", "pebble", "--yes"]
    #expect(try await certd(place, end + ["--store", place("other")]).ending == .exited(0))
    let refused = try await certd(place, renew)
    #expect(refused.ending == .exited(1), "\(refused)")
    #expect((refused.output + refused.errors).contains("certd account deactivate --ca"), "\(refused)")
    let aside = try await certd(place, end)
    #expect(aside.ending == .exited(0), "\(aside)")
    let again = try await certd(place, renew)
    #expect(again.ending == .exited(0), "\(again)")
  }

  @Test("ZeroSSL is asked for a key by the contact's address")
  func zeroSSL() async throws {
    let place = try Place()
    let key = Base64URL.encode(Array(repeating: 7, count: 32))
    let pebble = try await pebble(place, ["zero-1": key])
    let server = try await place.start(
      [
        "python3", "-c",
        """
        import http.server
        class H(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                form = self.rfile.read(int(self.headers['Content-Length'])).decode()
                ok = form == 'email=ops%40example.com'
                body = b'{"success":true,"eab_kid":"zero-1","eab_hmac_key":"\(key)"}' if ok else b'{"success":false}'
                self.send_response(200); self.send_header('Content-Length', str(len(body))); self.end_headers()
                self.wfile.write(body)
        s = http.server.HTTPServer(('127.0.0.1', 0), H)
        print(s.server_port, flush=True)
        s.serve_forever()
        """,
      ], called: "zerossl")
    try await eventually("the server: \(server.errors)") { server.output.contains("\n") }
    try place.write("certd.yaml", configuration(pebble, eab: "zerossl", ""))
    let done = try await certd(
      place, ["renew", "--no-delay"],
      ["CERTD_ZEROSSL_EAB_ENDPOINT": "http://127.0.0.1:\(server.output.prefix { $0 != "\n" })/"])
    #expect(done.ending == .exited(0), "\(done) \(pebble.log)")
    #expect(!(done.output + done.errors).contains(key))
  }

  @Test(
    "keys by itself need to know for whom",
    arguments: [
      ("acme: {agree_tos: true, issuers: [google]}", "gcp: {project"),
      ("acme: {agree_tos: true, issuers: [zerossl]}", "acme.email"),
    ])
  func unknown(text: String, remedy: String) async throws {
    let place = try Place()
    try place.write("certd.yaml", text + "\ncertificates: [{names: [a.example.org]}]\n")
    let checked = try await certd(place, ["check"])
    #expect(checked.ending == .exited(2) && checked.errors.contains(remedy), "\(checked)")
  }

  @Test("two commands at once register one account and use one key")
  func atOnce() async throws {
    let place = try Place()
    let google = try FakeGoogle()
    let pebble = try await pebble(place, Self.googleKeys)
    try place.write("sa.json", try google.serviceAccountFile())
    let gcp = "gcp: {project: demo-project, credentials: sa.json}"
    try place.write("certd.yaml", configuration(pebble, eab: "google", gcp))
    let endpoint = ["CERTD_GCP_PUBLICCA_ENDPOINT": google.url]
    async let first = certd(place, ["issue", "b.example.com", "--config", "certd.yaml"], endpoint)
    async let second = certd(place, ["issue", "c.example.com", "--config", "certd.yaml"], endpoint)
    for finished in [try await first, try await second] {
      #expect(finished.ending == .exited(0), "\(finished)")
    }
    #expect(google.journal.filter { $0.path.hasSuffix("/externalAccountKeys") }.count == 1)
    let accounts = try await place.run(["find", place("store/accounts"), "-name", "key.pem"], called: "find")
    #expect(accounts.output.split(separator: "\n").count == 1, "\(accounts)")
  }
}
