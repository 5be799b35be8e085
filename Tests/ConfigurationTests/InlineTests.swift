import TestRun
import Testing

@testable import Configuration

@Suite("Flags alone", .ownThread)
struct InlineTests {
  private func errors(_ change: (inout InlineOptions) -> Void) -> String {
    var options = InlineOptions(domains: ["llm.example.org"], backends: ["http://127.0.0.1:8000"])
    options.email = "ops@example.org"
    options.agreesToTerms = true
    change(&options)
    do throws(ConfigurationErrors) {
      _ = try Configuration.inline(options, baseDirectory: "/srv")
      return ""
    } catch { return error.description }
  }

  @Test("flags give the configuration that the same file would give")
  func sameAsFile() throws {
    var options = InlineOptions(domains: ["llm.example.org"], backends: ["http://127.0.0.1:8000"])
    options.email = "ops@example.org"
    options.agreesToTerms = true
    options.store = "certs"
    var fromFlags = try Configuration.inline(options, baseDirectory: "/etc/certd").configuration
    #expect(fromFlags.file == "command line")
    fromFlags.file = "certd.yaml"
    #expect(
      try fromFlags
        == configuration(
          """
          store: certs
          acme: {email: ops@example.org, agree_tos: true}
          routes: [{hosts: [llm.example.org], service: default}]
          services: {default: {backends: ["http://127.0.0.1:8000"], kind: auto}}
          """))
  }

  @Test("the built-in CA serves localhost without agreement or a redirect")
  func local() throws {
    var options = InlineOptions(domains: ["localhost"], backends: ["127.0.0.1:8000"])
    options.issuer = "local"
    options.httpsAddress = "127.0.0.1:8443"
    options.httpAddress = nil
    let c = try Configuration.inline(options, baseDirectory: "/").configuration
    #expect(c.listeners.map(\.address.description) == ["127.0.0.1:8443"])
    #expect(c.managedCertificates { _ in false }.certificates.map(\.names) == [["localhost"]])
  }

  @Test("a directory's URL with its own roots is an issuer")
  func directory() throws {
    var options = InlineOptions(domains: ["a.test"], backends: ["127.0.0.1:8000"])
    options.issuer = "https://localhost:14000/dir"
    options.roots = ["pebble.pem"]
    let issuer = try #require(
      try Configuration.inline(options, baseDirectory: "/x").configuration.acme.issuers.first)
    #expect(issuer.name == "localhost_14000")
    guard case .acme(let acme) = issuer.kind else { return #expect(Bool(false)) }
    #expect(acme.directory == "https://localhost:14000/dir" && acme.roots == ["/x/pebble.pem"])
  }

  @Test("errors name the flags")
  func flags() {
    #expect(errors { _ in } == "")
    #expect(
      errors { $0.agreesToTerms = false }
        == "command line: --agree-tos: letsencrypt issues only to those who agree to its terms of service, "
        + "and llm.example.org needs a certificate; "
        + "read them and add --agree-tos")
    #expect(
      errors { $0.email = "me" } == "command line: --email: \"me\" is no mail address; write ops@example.com")
    #expect(errors { $0.backends = [] } == "command line: --backend: the list is empty")
    #expect(
      errors { $0.backends = ["x"] }
        == "command line: --backend: \"x\" has no port; write 10.0.0.11:8000 or http://vllm:8000")
    #expect(
      errors { $0.domains = ["https://a.org"] }
        == "command line: --domain: \"https://a.org\" is a URL; write the host name alone")
    #expect(
      errors { $0.issuer = "letsencript" }
        == "command line: --issuer: \"letsencript\" is no known issuer; did you mean \"letsencrypt\"?")
    #expect(
      errors { $0.kind = "vlm" } == "command line: --kind: \"vlm\" is not known; did you mean \"vllm\"?")
    #expect(
      errors { $0.httpsAddress = "443" }
        == "command line: --https-address: \"443\" is a port alone; write :443")
  }
}
