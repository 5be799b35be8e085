import CertStore
import EndToEnd
import TestRun
import Testing

/// What `certd renew` does with places of other providers.
@Suite("Deploy targets", .ownThread) struct DeployTargetTests {
  @Test("each renewal reaches every place, and one that refuses keeps no other from it and is tried again")
  func targets() async throws {
    let place = try Place()
    let certd = try Certd(place)
    let cluster = try await PythonClient(place).serve("kubernetes_api", [place("")])
    defer { withExtendedLifetime(cluster.child) {} }
    let vault = try await PythonClient(place).serve("vaults", [place("")])
    defer { withExtendedLifetime(vault.child) {} }
    try place.write("vault-token", "hvs.wrong")
    try place.write(
      "certd.yaml",
      """
      store: store
      acme:
        issuers: [local]
        deploy:
          - vault: { address: "http://127.0.0.1:\(vault.port)", path: web/llm, token_file: vault-token }
          - kubernetes: { secret: llm-tls, kubeconfig: kubeconfig }
      listeners: [{address: "127.0.0.1:1"}]
      routes: [{hosts: [localhost], service: chat}]
      services: { chat: {backends: ["127.0.0.1:1"]} }
      """)
    let renew = ["--no-delay", "--detailed-exit-code", "-o", "json", "--config", place("certd.yaml")]
    let first = try await certd("renew", with: renew)
    #expect(first.output.contains("permission denied") && !first.output.contains("hvs.wrong"), "\(first)")
    #expect(place.read("secrets.json").contains("web/llm-tls"))
    try place.write("vault-token", "hvs.test")
    let again = try await certd("renew", with: renew + ["--force"])
    #expect(place.read("vaults.json").contains("BEGIN CERTIFICATE"), "\(again)")
  }
}
