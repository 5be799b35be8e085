import TestRun
import CertStore
import Testing

@testable import Configuration

@Suite("Deployments in the configuration", .ownThread) struct DeployKeysTests {
  private static func file(_ deploy: String) -> String {
    """
    acme:
      agree_tos: true
      deploy:
    \(deploy)
    listeners:
      - { address: ":443" }
    routes:
      - { hosts: [llm.example.com], service: s }
    services:
      s: { backends: ["127.0.0.1:8000"] }
    """
  }

  @Test("commands, copies and reloads are read in their order")
  func read() throws {
    let read = try configuration(
      Self.file(
        """
            - { command: "reload-it", timeout: 30s }
            - { copy: { key: /k.pem, fullchain: /f.pem, owner: haproxy, mode: "0440" } }
            - { reload: nginx.service }
            - { served_at: "[::1]:8443" }
        """))
    var targets = FileCopies()
    targets.key = "/k.pem"
    targets.fullchain = "/f.pem"
    targets.owner = "haproxy"
    targets.mode = 0o440
    #expect(
      read.acme.deploys == [
        .command(text: "reload-it", timeoutSeconds: 30), .copy(files: targets),
        .reload(unit: "nginx.service"),
        .proof(host: "::1", port: 8443),
      ])
  }

  static let refusals: [(String, String)] = [
    ("- { timeout: 30s }", "says nothing to do"),
    ("- { command: a, reload: b.service }", "says command and reload at once"),
    ("- { reload: b.service, timeout: 3s }", "goes with a command only"),
    ("- { served_at: \"10.0.0.1\" }", "port"),
    ("- { copy: { owner: root } }", "names no file"),
    ("- { copy: { cert: /a, key: /a } }", "copies two things to one file"),
    ("- { copy: { cert: /a, mode: \"0888\" } }", "are not permission bits"),
    ("- { copy: { cert: /a, mode: \"0666\" } }", "lets everybody write"),
    (
      "- { kubernetes: { secret: a }, vault: { address: \"https://v\", path: b } }",
      "says kubernetes and vault at once"
    ),
    ("- { kubernetes: { namespace: web } }", "the key \"secret\" is missing"),
    ("- { aws_acm: { region: \"EU central\" } }", "cannot be the region"),
    (
      "- { aws_acm: { region: eu-west-1, arn: \"arn:aws:acm:eu-west-2:1:certificate/x\" } }",
      "cannot be the arn"
    ),
    ("- { aws_acm: { region: eu-west-1, profile: edge } }", "goes with credentials"),
    (
      "- { azure_key_vault: { vault: \"https://a.vault.azure.net\", certificate: a_b } }",
      "cannot be the certificate"
    ),
    (
      "- { azure_key_vault: { vault: \"http://vault.example\", certificate: a } }",
      "would send keys in the clear"
    ),
    ("- { vault: { address: \"https://v\", path: \"a/../b\" } }", "cannot be the path"),
    ("- { vault: { address: \"https://v\", path: a, secret_id_file: /s } }", "goes with role_id"),
    ("- { reload: \"-x; rm\" }", "is not the name of a systemd unit"),
  ]

  @Test("what cannot be meant is refused with its place", arguments: refusals)
  func refused(_ row: (String, String)) {
    let found = errors(Self.file("    " + row.0))
    #expect(found.contains { $0.contains(row.1) && $0.contains("acme.deploy[0]") }, "\(found)")
  }
}
