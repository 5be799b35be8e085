import TestRun
import Testing

@testable import Configuration

@Suite("Managed certificates", .ownThread)
struct ManagedCertificatesTests {
  private let routes = """
    routes:
      - {hosts: [a.example.org, b.example.org], service: s}
      - {hosts: [a.example.org], paths: [/x], service: s}
    services: {s: {backends: [h:1]}}

    """

  private func names(_ text: String, covered: Set<String> = []) throws -> [String] {
    let found = try configuration(text).managedCertificates { covered.contains($0) }
    #expect(found.errors == [])
    return found.certificates.map { "\($0.name): \($0.names.joined(separator: " "))" }
  }

  @Test("each host of the routes gets one certificate")
  func hosts() throws {
    #expect(
      try names(routes + "acme: {agree_tos: true}") == [
        "a.example.org: a.example.org", "b.example.org: b.example.org",
      ])
  }

  @Test("a host that an entry or a file covers gets none of its own")
  func covered() throws {
    let entry = "certificates: [{names: [a.example.org, c.example.org], name: ac}]\nacme: {agree_tos: true}"
    #expect(
      try names(routes + entry, covered: ["b.example.org"]) == ["ac: a.example.org c.example.org"])
  }

  @Test("a wildcard of the built-in CA covers one more label")
  func wildcard() throws {
    let entry = "certificates: [{names: ['*.example.org']}]\nacme: {issuers: [local]}"
    #expect(try names(routes + entry) == ["_wildcard.example.org: *.example.org"])
  }

  @Test("without a TLS listener no host needs a certificate")
  func plain() throws {
    #expect(try names(routes + "listeners: [{address: ':8080', tls: off}]") == [])
  }

  @Test("hosts that are every host and addresses have store names that are safe")
  func addresses() throws {
    let text = """
      routes: [{hosts: ['*', "2001:db8::1"], service: s}]
      services: {s: {backends: [h:1]}}
      acme: {agree_tos: true}
      """
    #expect(try names(text) == ["2001-db8--1: 2001:db8::1"])
  }

  @Test("what files do not cover after all is an error at its host")
  func uncovered() throws {
    let c = try configuration(
      """
      routes: [{hosts: ['*.example.org'], service: s}]
      services: {s: {backends: [h:1]}}
      certificates: [{cert: a, key: b}]
      """)
    let found = c.managedCertificates { _ in false }
    #expect(
      found.errors.map(\.description) == [
        "certd.yaml:1:19: routes[0].hosts[0]: the wildcard \"*.example.org\" can be proven by dns-01 only; "
          + "add acme.dns01, name the hosts,"
          + " or give cert and key files",
        "certd.yaml:1:19: routes[0].hosts[0]: no certificate of a file covers *.example.org, and letsencrypt issues one"
          + " only to those who agree to its terms of service; add a file that covers it, or read the terms and set"
          + " acme.agree_tos: true",
      ])
    #expect(c.managedCertificates { $0 == "*.example.org" }.errors == [])
  }

  @Test(
    "names that the public cannot reach are known",
    arguments: [
      ("localhost", true), ("vllm", true), ("a.internal", true), ("a.home.arpa", true), ("10.1.2.3", true),
      ("fd00::1", true), ("::1", true), ("example.org", false), ("8.8.8.8", false), ("2606:4700::1", false),
      ("local.example.org", false),
    ])
  func privateNames(name: String, isPrivate: Bool) {
    #expect(Configuration.isPrivate(name) == isPrivate)
  }
}
