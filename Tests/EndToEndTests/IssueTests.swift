import EndToEnd
import PKI
import TestRun
import Testing

/// `certd issue` and what looks at its results, with nothing else running: it binds the HTTP-01 port itself.
@Suite(.ownThread) struct IssueTests {
  @Test("issue obtains a certificate with each type of key, for several names, and for an address")
  func keyTypes() async throws {
    let place = try Place()
    let pebble = try await Pebble(place)
    let certd = try Certd(place)
    for type in KeyType.allCases {
      let names = ["\(type.rawValue).example.com", "more.example.com", "127.0.0.1"]
      let issued = try await certd(
        "issue", with: names + ["--key-type", type.rawValue, "--store", place("store")] + pebble.flags)
      #expect(issued.ending == .exited(0), "\(type): \(issued)")
      let chain = place.read("store/certificates/\(names[0])/current/fullchain.pem")
      let leaf = try #require(try Certificate.parse(pem: Array(chain.utf8)).first)
      #expect(Set(leaf.identifiers.map(\.description)) == Set(names))
      let key = try PrivateKey(
        pem: Array(place.read("store/certificates/\(names[0])/current/privkey.pem").utf8))
      #expect(key.type == type && leaf.matches(key))
    }
    // No answer to a challenge stays behind.
    let left = try await place.run(["ls", place("store/challenges")], called: "ls")
    #expect(left.output == "")
  }

  @Test("list and show tell what was issued, as text and as JSON, and revoke revokes it")
  func lookingAtIt() async throws {
    let place = try Place()
    let pebble = try await Pebble(place)
    let certd = try Certd(place)
    let store = ["--store", place("store")]
    #expect(try await certd("list", with: store).output.contains("no certificates"))
    let again = ["a.example.com", "b.example.com"] + store + pebble.flags
    #expect(try await certd("issue", with: again).ending == .exited(0))

    let list = try await certd("list", with: store)
    #expect(list.output.contains("a.example.com,b.example.com"))
    let json = try await certd("list", "-o", "json", with: store)
    #expect(json.output.hasPrefix("[") && json.output.contains(#""days_left" :"#), "\(json.output)")
    let shown = try await certd("show", "a.example.com", "-o", "json", with: store)
    let serial = place.read("store/certificates/a.example.com/current/cert.pem")
    let leaf = try #require(try Certificate.parse(pem: Array(serial.utf8)).first)
    #expect(shown.output.contains(leaf.serialHex), "\(shown.output)")
    let text = try await certd("show", "a.example.com", with: store)
    #expect(text.output.contains(leaf.serialHex) && text.output.contains("/fullchain.pem"))

    let revoked = try await certd("revoke", "a.example.com", "--reason", "superseded", with: store)
    #expect(revoked.ending == .exited(0), "\(revoked)")
    #expect(pebble.log.contains("POST /revoke-cert"), "\(pebble.log)")
    #expect(try await certd("revoke", "a.example.com", with: store).ending == .exited(0))
    // The store knows how it was issued.
    let renewal = try await certd("renew", "--force", "--no-delay", with: store)
    #expect(renewal.ending == .exited(0), "\(renewal)")
    let renewed = try await certd("show", "a.example.com", "-o", "json", with: store)
    #expect(renewed.output.contains(#""generation" : 2"#), "\(renewed.output)")
  }

  @Test("issuing again changes nothing while the certificate is valid, unless forced or for other names")
  func again() async throws {
    let place = try Place()
    let pebble = try await Pebble(place)
    let certd = try Certd(place)
    func issue(_ arguments: [String]) async throws -> String {
      let issued = try await certd("issue", with: arguments + ["--store", place("store")] + pebble.flags)
      #expect(issued.ending == .exited(0), "\(issued)")
      let shown = try await certd("show", "a.example.com", "--store", place("store"))
      return shown.output.split(separator: "\n").first { $0.hasPrefix("Generation") }.map(String.init) ?? ""
    }
    let first = try await issue(["a.example.com"])
    #expect(try await issue(["a.example.com"]) == first)
    let forced = try await issue(["a.example.com", "--force"])
    #expect(forced != first)
    #expect(try await issue(["a.example.com", "b.example.com"]) != forced)
  }

  private static let statuses: [(String, Int32)] = [
    ("issue not_a_name! --issuer local", 64), ("issue a.example.com --key-type x", 64), ("nonsense", 64),
    ("issue a.example.com", 2),
    ("issue *.example.com --agree-tos --store store --issuer https://127.0.0.1:1/dir", 2),
    ("renew --no-delay --config missing.yaml", 2),
    ("check --config bad.yaml", 2), ("run --config bad.yaml", 2),
    ("show a.example.com --store store", 1), ("revoke a.example.com --store store", 1),
    ("renew --no-delay --store store", 0), ("check --config good.yaml", 0),
    ("renew --no-delay --store store --name a.example.com", 1),
  ]

  @Test(
    "a command line or configuration that is not valid, and a CA that cannot be had, have their exit status",
    arguments: statuses)
  func exitStatus(line: String, status: Int32) async throws {
    let arguments = line.split(separator: " ").map(String.init)
    let place = try Place()
    try place.write("bad.yaml", "listeners:\n  - {address: \":443\", tsl: modern}\n")
    try place.write(
      "good.yaml",
      "acme: {issuers: [local]}\nroutes: [{hosts: [localhost], service: a}]\nservices: {a: {backends: [\"127.0.0.1:1\"]}}\n"
    )
    let finished = try await Certd(place)(arguments[0], with: Array(arguments.dropFirst()))
    #expect(finished.ending == .exited(status), "\(finished)")
    if status != 0 { #expect(finished.errors != "", "no reason was told") }
    if arguments.contains("bad.yaml") {
      #expect(finished.errors.contains("bad.yaml:2:23"), "\(finished.errors)")
    }
  }

  @Test("a CA whose root is not trusted, and a redirect to http, are refused with a reason")
  func refusals() async throws {
    let place = try Place()
    let pebble = try await Pebble(place)
    let certd = try Certd(place)
    let other = try TestCertificates(place, "other")
    func issue(_ directory: String, _ root: String) async throws -> Place.Finished {
      try await certd(
        "issue", "a.example.com", "--issuer", directory, "--acme-root", root, "--agree-tos", "--store",
        place("store"), "--http-address", "127.0.0.1:\(pebble.http01Port)")
    }
    let untrusted = try await issue(pebble.directoryURL, other.rootPath)
    #expect(untrusted.ending == .exited(1))
    #expect(
      untrusted.errors.contains("certificate") && !untrusted.errors.contains("error:0A"), "\(untrusted)")
    let redirecting = try await FaultProxy(place, pebble, called: "redirecting")
    try await redirecting.breakRequest(0, "redirect")
    let redirected = try await issue(redirecting.directoryURL, redirecting.rootPath)
    #expect(redirected.ending == .exited(1) && redirected.errors.contains("30"), "\(redirected)")
    #expect(try await redirecting.count() == 1, "the redirect was followed or asked for again")
  }
}
