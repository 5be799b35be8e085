import Bytes
import HTTP
import Renewal
import TestRun
import Testing

/// What the doctor makes of what it sees.
@Suite(.ownThread) struct DoctorRuleTests {
  private static let lookups: [(AddressLookup, AddressLookup, [Finding.Severity], String)] = [
    (
      .found([[8, 8, 8, 8]], canonical: "a.example"), .none(exists: true), [.ok, .ok], "a.example is 8.8.8.8"
    ),
    (
      .found([[8, 8, 8, 8], [10, 0, 0, 1]], canonical: "a.example"), .none(exists: true),
      [.ok, .problem, .ok], "private"
    ),
    (
      .found([[8, 8, 8, 8]], canonical: "b.example"), .none(exists: true), [.ok, .ok], "the alias b.example"
    ),
    (.none(exists: false), .none(exists: false), [.problem], "there is no such name"),
    (.none(exists: true), .none(exists: true), [.problem], "neither an A nor an AAAA"),
    (.failed("SERVFAIL"), .none(exists: true), [.problem, .ok], "SERVFAIL"),
    (
      .found([[203, 0, 113, 9]], canonical: "a.example"), .none(exists: true), [.problem, .ok],
      "documentation"
    ),
    (
      .found([[127, 0, 0, 1]], canonical: "a.example"), .failed("timeout"), [.problem, .problem], "loopback"
    ),
    (
      .none(exists: true),
      .found([[0xFE, 0x80] + [UInt8](repeating: 0, count: 13) + [1]], canonical: "a.example"),
      [.ok, .problem], "link-local"
    ),
    (
      .found([[100, 64, 0, 1]], canonical: "a.example"), .none(exists: true), [.problem, .ok], "carrier-grade"
    ),
  ]

  @Test("each address is judged by itself", arguments: lookups)
  func addresses(v4: AddressLookup, v6: AddressLookup, severities: [Finding.Severity], text: String) {
    let findings = AddressRules.judge("a.example", v4: v4, v6: v6, isPublicCA: true)
    #expect(findings.map(\.severity) == severities, "\(findings)")
    #expect(findings.contains { $0.what.contains(text) }, "\(findings)")
    #expect(findings.allSatisfy { ($0.severity == .ok) == ($0.remedy == nil) })
  }

  @Test("a name proven by DNS needs no address that a CA can reach")
  func provenByDNS() {
    func severities(_ v4: AddressLookup) -> [Finding.Severity] {
      AddressRules.judge(
        "a.example", v4: v4, v6: .none(exists: true), isPublicCA: true, isProvenByDNS: true
      ).map(\.severity)
    }
    #expect(severities(.found([[10, 0, 0, 1]], canonical: "a.example")) == [.ok, .ok])
    #expect(severities(.none(exists: true)) == [.warning])
    #expect(severities(.failed("SERVFAIL")) == [.problem, .ok])
  }

  @Test("a CA of one's own may reach private addresses")
  func privateCA() {
    let findings = AddressRules.judge(
      "a.example", v4: .found([[10, 0, 0, 1]], canonical: "a.example"), v6: .none(exists: true),
      isPublicCA: false)
    #expect(findings.allSatisfy { $0.severity == .ok })
  }

  private static func caa(_ tag: String, _ value: String, critical: Bool = false) -> CAAProperty {
    CAAProperty(isCritical: critical, tag: tag, value: value)
  }

  private static let rows: [(String, [CAAProperty], Finding.Severity, String)] = [
    ("a.example", [], .ok, "every CA"),
    ("a.example", [caa("issue", "ca.test")], .ok, "allow ca"),
    ("a.example", [caa("issue", " CA.test ; accounturi = https://ca.test/1 ")], .ok, "allow ca"),
    ("a.example", [caa("issue", "other.test")], .problem, "other.test, not ca"),
    ("a.example", [caa("issue", ";")], .problem, "no CA at all"),
    ("a.example", [caa("issue", "other.test"), caa("issue", "ca.test")], .ok, "allow ca"),
    ("a.example", [caa("iodef", "mailto:x@a.example")], .ok, "restrict nothing"),
    ("a.example", [caa("issuewild", "other.test")], .ok, "restrict nothing"),
    ("*.a.example", [caa("issuewild", "other.test"), caa("issue", "ca.test")], .problem, "not ca"),
    ("*.a.example", [caa("issue", "ca.test")], .ok, "allow ca"),
    (
      "a.example", [caa("strange", "x", critical: true), caa("issue", "ca.test")], .problem,
      "critical tag strange"
    ),
    ("a.example", [caa("strange", "x"), caa("issue", "ca.test")], .ok, "allow ca"),
    (
      "a.example", [caa("issue", "ca.test; accounturi=https://ca.test/2")], .problem,
      "ours is https://ca.test/1"
    ),
    ("a.example", [caa("issue", "ca.test; validationmethods=dns-01")], .problem, "by dns-01 only"),
    ("a.example", [caa("issue", "ca.test; validationmethods=dns-01,HTTP-01")], .ok, "allow ca"),
    (
      "a.example",
      [
        caa("issue", "ca.test; validationmethods=dns-01"),
        caa("issue", "ca.test; accounturi=https://ca.test/1"),
      ],
      .ok, "allow ca"
    ),
    ("a.example", [caa("issue", "\u{1B}[31mevil")], .problem, "?[31mevil"),
  ]

  @Test("CAA records allow or forbid with their parameters", arguments: rows)
  func authorization(name: String, records: [CAAProperty], severity: Finding.Severity, text: String) {
    let rules = CAARules(
      issuer: "ca", identities: ["CA.test"], accountURL: "https://ca.test/1", challenges: ["http-01"])
    let finding = rules.judge(name, owner: records.isEmpty ? nil : "example", records)
    #expect(finding.severity == severity && finding.what.contains(text), "\(finding)")
    #expect((finding.severity == .problem) == (finding.remedy != nil))
  }

  @Test("a wildcard is not allowed by a method that cannot prove it")
  func wildcardMethods() {
    let rules = CAARules(
      issuer: "ca", identities: ["ca.test"], accountURL: nil, challenges: ["http-01", "dns-01"])
    let record = Self.caa("issue", "ca.test; validationmethods=http-01")
    #expect(rules.judge("a.example", owner: "example", [record]).severity == .ok)
    let finding = rules.judge("*.a.example", owner: "example", [record])
    #expect(finding.severity == .problem, "\(finding)")
    #expect(finding.remedy?.contains("add dns-01 to validationmethods") == true, "\(finding)")
  }

  @Test("an account that CAA names before there is one is a problem of its own")
  func noAccount() {
    let rules = CAARules(issuer: "ca", identities: ["ca.test"], accountURL: nil, challenges: ["http-01"])
    let finding = rules.judge(
      "a.example", owner: "example", [Self.caa("issue", "ca.test; accounturi=https://ca.test/1")])
    #expect(finding.severity == .problem && finding.what.contains("not registered yet"), "\(finding)")
  }

  @Test("a CA that does not tell its name leaves the records undecided")
  func noIdentities() {
    let rules = CAARules(issuer: "ca", identities: [], accountURL: nil, challenges: ["http-01"])
    #expect(rules.judge("a.example", owner: "example", [Self.caa("issue", "x.test")]).severity == .warning)
  }

  @Test(
    "redirects are followed as a CA does",
    arguments: [
      ("https://b.example/x", 0, "https://b.example/x"), ("/y", 0, "http://a.example/y"),
      ("//b.example/x", 9, "http://b.example/x"), ("https://b.example/x", 10, nil),
      ("https://b.example:8443/", 0, nil),
      ("https://192.0.2.1/", 0, nil), ("https://[2001:db8::1]/", 0, nil), ("ftp://b.example/", 0, nil),
      ("", 0, nil),
      (nil, 0, nil), ("javascript:alert(1)", 0, nil),
    ] as [(String?, Int, String?)])
  func redirects(location: String?, redirects: Int, expected: String?) throws {
    let url = try #require(URL("http://a.example/.well-known/acme-challenge/t"))
    let next = try? ReachRules.follow(url, location: location, redirects: redirects).get()
    #expect(next?.description == expected)
  }

  @Test(
    "a redirect is followed by its status",
    arguments: [(301, true), (302, true), (303, false), (307, true), (308, true)])
  func redirectStatus(status: Int, isFollowed: Bool) throws {
    let url = try #require(URL("http://a.example/x"))
    let next = ReachRules.follow(url, status: status, location: "/y", redirects: 0)
    #expect(((try? next.get()) != nil) == isFollowed)
    #expect(ReachRules.isRedirect(status))
  }

  @Test(
    "content is the answer when nothing but whitespace follows it",
    arguments: [
      ("t.k", true), ("t.k\n", true), ("t.k \r\n\t", true), ("t.k<html>", false), (" t.k", false),
      ("t.", false),
      ("", false), ("\n", false),
    ])
  func content(body: String, isAnswer: Bool) {
    #expect(ReachRules.isAnswer(Array(body.utf8), to: "t.k") == isAnswer)
  }

  private static let probes: [(HTTPProbe, Finding.Severity, String)] = [
    (
      .init(address: "192.0.2.1", hops: [.init(url: "u", status: 200)], isAnswered: true), .ok,
      "would be answered"
    ),
    (
      .init(
        address: "192.0.2.1", hops: [.init(url: "u", status: 301), .init(url: "v", status: 200)],
        isAnswered: true),
      .ok, "after 1 redirects"
    ),
    (
      .init(address: "192.0.2.1", hops: [.init(url: "u", status: 404)], isAnswered: false), .problem,
      "status 404"
    ),
    (
      .init(address: "192.0.2.1", hops: [.init(url: "u", status: 200)], isAnswered: false), .problem,
      "something else"
    ),
    (
      .init(
        address: "192.0.2.1", hops: [.init(url: "u", status: nil, problem: "refused")], isAnswered: false),
      .problem,
      "refused"
    ),
    (
      .init(
        address: "192.0.2.1", hops: [.init(url: "u", status: 301, problem: "redirects to port 8443")],
        isAnswered: false),
      .problem, "port 8443"
    ),
  ]

  @Test("what port 80 answers is told with its remedy", arguments: probes)
  func reach(probe: HTTPProbe, severity: Finding.Severity, text: String) {
    let finding = ReachRules.judge(probe, isNeeded: true)
    #expect(finding.severity == severity && finding.what.contains(text), "\(finding)")
    #expect((severity == .ok) == (finding.remedy == nil))
    if severity == .problem { #expect(ReachRules.judge(probe, isNeeded: false).severity == .warning) }
  }

  @Test(
    "what port 443 presents is compared with what is stored",
    arguments: [
      (.current, true, .ok), (.failed("refused"), true, .warning),
      (.other(names: ["a.example"], notAfter: "x", isExpired: false, coversName: true), true, .warning),
      (.other(names: ["a.example"], notAfter: "x", isExpired: false, coversName: true), false, .ok),
      (.other(names: ["b.example"], notAfter: "x", isExpired: false, coversName: false), false, .warning),
      (.other(names: ["a.example"], notAfter: "x", isExpired: true, coversName: true), true, .problem),
    ] as [(ReachRules.Handshake, Bool, Finding.Severity)])
  func handshakes(handshake: ReachRules.Handshake, isStored: Bool, severity: Finding.Severity) {
    #expect(
      ReachRules.judge("a.example", handshake, at: "192.0.2.1", isStored: isStored).severity == severity)
  }

  @Test(
    "the clock is judged by how far it is off",
    arguments: [
      (0, .ok), (60, .ok), (-60, .ok), (61, .warning), (-3600, .warning), (3601, .problem), (-3601, .problem),
      (.min, .problem), (nil, .warning),
    ] as [(Int64?, Finding.Severity)])
  func clock(offset: Int64?, severity: Finding.Severity) {
    #expect(SurroundingRules.clock("ca", offsetSeconds: offset).severity == severity)
  }

  @Test(
    "a store that others can read or change is a problem",
    arguments: [
      (0o600, 0, true, true), (0o640, 0, true, true), (0o644, 0, true, false), (0o644, 0, false, true),
      (0o666, 0, false, false), (0o620, 0, true, false), (0o600, 7, true, true),
    ] as [(UInt32, UInt32, Bool, Bool)])
  func store(mode: UInt32, user: UInt32, isSecret: Bool, isWell: Bool) {
    let findings = SurroundingRules.store(
      "/s", [.init(path: "/s/k", mode: mode, user: user, isSecret: isSecret)], user: user)
    #expect(findings.allSatisfy { $0.severity == .ok } == isWell, "\(findings)")
  }

  @Test("a store of another user is a problem, unless root looks")
  func owner() {
    let entries = [SurroundingRules.StoreEntry(path: "/s/k", mode: 0o600, user: 1, isSecret: true)]
    #expect(SurroundingRules.store("/s", entries, user: 2).first?.severity == .problem)
    #expect(SurroundingRules.store("/s", entries, user: 0).first?.severity == .ok)
  }

  @Test(
    "little room is told in time",
    arguments: [(UInt64(1) << 20, "problem"), (64 << 20, "warning"), (1 << 40, "ok")])
  func space(bytes: UInt64, severity: String) {
    #expect(SurroundingRules.space("/s", freeBytes: bytes).severity.rawValue == severity)
  }
}
