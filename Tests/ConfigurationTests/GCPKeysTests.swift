import TestRun
import GCP
import Testing

@testable import Configuration

@Suite("Google Cloud's section", .ownThread)
struct GCPKeysTests {
  private static let start = "certificates: [{names: [a.example.com]}]\nacme: {issuers: [local]}\n"

  @Test("Everything that may be written is read")
  func whole() throws {
    let settings = try #require(
      try configuration(
        Self.start + """
          gcp:
            project: my-project
            credentials: sa.json
            name_prefix: edge
            target: certificate-manager
            ca_file: /etc/root.pem
            endpoints:
              compute: http://127.0.0.1:8085
              certificate_manager: https://cm.example.com
              public_ca: https://ca.example.com
              token: https://token.example.com/token
            targets:
              - {kind: target-https-proxy, name: edge, certificates: [a.example.com]}
              - {kind: target-https-proxy, name: edge, region: europe-west1, certificates: [a, b], target: classic}
              - {kind: target-ssl-proxy, name: tcp, certificates: [a], address: "lb.example.com:8443"}
          """
      ).gcp)
    #expect(settings.project == "my-project" && settings.credentials == "/etc/certd/sa.json")
    #expect(settings.namePrefix == "edge" && settings.caFile == "/etc/root.pem")
    #expect(settings.endpoints.compute == "http://127.0.0.1:8085")
    #expect(settings.endpoints.token == "https://token.example.com/token")
    #expect(settings.targets.map(\.route) == [.certificateManager, .classic, .certificateManager])
    #expect(settings.targets.map(\.region) == [nil, "europe-west1", nil])
    #expect(settings.targets[1].certificates.map(\.value) == ["a", "b"])
    #expect(settings.targets[2].kind == .sslProxy && settings.targets[2].address == "lb.example.com:8443")
  }

  @Test("What is not written has its default, and without the section there is none")
  func defaults() throws {
    let settings = try #require(try configuration(Self.start + "gcp: {project: p}").gcp)
    #expect(settings.namePrefix == "certd" && settings.targets.isEmpty && settings.credentials == nil)
    #expect(settings.endpoints == Endpoints())
    #expect(try configuration(Self.start).gcp == nil)
  }

  @Test(
    "What cannot be is told with its place",
    arguments: [
      ("gcp: {targets: []}", #"gcp: the key "project" is missing"#),
      ("gcp: {project: P}", "no project identifier"),
      ("gcp: {project: p, name_prefix: 1x}", "no name of a resource"),
      ("gcp: {project: p, name_prefix: abcdefghijklmnopqrstu}", "longer than 20"),
      ("gcp: {project: p, endpoints: {compute: 'http://10.0.0.1'}}", "would send keys in the clear"),
      ("gcp: {project: p, endpoints: {compute: 'http://127.evil.example'}}", "would send keys in the clear"),
      ("gcp: {project: p, endpoints: {compute: 'http://localhost.evil.example'}}", "would send keys"),
      ("gcp: {project: p, targets: [{kind: target-http-proxy, name: a, certificates: [a]}]}", "did you mean"),
      ("gcp: {project: p, targets: [{kind: target-ssl-proxy, name: A, certificates: [a]}]}", "no name of a"),
      (
        "gcp: {project: p, targets: [{kind: target-ssl-proxy, name: a, certificates: []}]}",
        "the list is empty"
      ),
      (
        "gcp: {project: p, targets: [{kind: target-ssl-proxy, name: a, region: r, certificates: [a]}]}",
        "target SSL proxies are global"
      ),
      (
        "gcp: {project: p, targets: [{kind: target-ssl-proxy, name: a, certificates: [a, a]}]}",
        "stands twice"
      ),
      (
        "gcp: {project: p, targets: [{kind: target-ssl-proxy, name: a, certificates: [a]}, "
          + "{kind: target-ssl-proxy, name: a, certificates: [b]}]}",
        "is the target of gcp.targets[0]"
      ),
    ])
  func wrong(text: String, part: String) {
    let told = errors(Self.start + text)
    #expect(told.contains { $0.contains(part) }, "\(told)")
  }
}
