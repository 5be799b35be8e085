import CertStore
import Destinations
import EndToEnd
import JSON
import PKI
import TestRun
import Testing

@Suite("Certificates to vaults", .ownThread) struct VaultTests {
  private func keyVault(_ url: String, _ change: (inout KeyVaultCertificate) -> Void = { _ in })
    -> Destination
  {
    var certificate = KeyVaultCertificate()
    certificate.vault = url
    certificate.certificate = "llm-example-com"
    change(&certificate)
    return .azureKeyVault(certificate)
  }

  private func vault(_ url: String, _ change: (inout VaultSecret) -> Void = { _ in }) -> Destination {
    var secret = VaultSecret()
    secret.address = url
    secret.path = "web/llm"
    change(&secret)
    return .vault(secret)
  }

  private func held(_ scene: Scene, _ kind: String, _ name: String) throws -> JSONValue? {
    try JSONValue(parsing: Array(scene.place.read("vaults.json").utf8))[kind]?[name]
  }

  @Test(
    "Key Vault gets a version for each certificate and no more, by the machine's identity or a client's secret"
  )
  func keyVaults() async throws {
    let scene = try Scene()
    let server = try await PythonClient(scene.place).serve("vaults", [scene.place("")])
    defer { withExtendedLifetime(server.child) {} }
    let url = "http://127.0.0.1:\(server.port)"
    let machine = ["AZURE_POD_IDENTITY_AUTHORITY_HOST": url]
    #expect(try await scene.deliver(keyVault(url), machine) == .delivered)
    #expect(try await scene.deliver(keyVault(url), machine) == .unchanged)
    try scene.renew()
    try scene.place.write("client", "s3cret&more\n")
    let client = keyVault(url) {
      ($0.tenant, $0.clientID, $0.clientSecretFile) = ("tenant-1", "client-1", scene.place("client"))
    }
    #expect(try await scene.deliver(client, ["AZURE_AUTHORITY_HOST": url]) == .delivered)
    let made = try held(scene, "key_vault", "llm-example-com")
    #expect(made?["count"]?.int == 2 && made?["issuers"]?.int == 1)
  }

  @Test("Key Vault's refusals are told with what it takes, without the secret")
  func keyVaultRefusals() async throws {
    let scene = try Scene()
    let server = try await PythonClient(scene.place).serve("vaults", [scene.place("")])
    defer { withExtendedLifetime(server.child) {} }
    let url = "http://127.0.0.1:\(server.port)"
    let machine = ["AZURE_POD_IDENTITY_AUTHORITY_HOST": url]
    let forbidden = try await scene.deliver(keyVault(url) { $0.certificate = "forbidden" }, machine).failure
    #expect(forbidden.contains("403") && forbidden.contains("get and import"), "\(forbidden)")
    try scene.place.write("client", "wrong-secret\n")
    let wrong = try await scene.deliver(
      keyVault(url) {
        ($0.tenant, $0.clientID, $0.clientSecretFile) = ("tenant-1", "client-1", scene.place("client"))
      }, ["AZURE_AUTHORITY_HOST": url]
    ).failure
    #expect(wrong.contains("Invalid client secret") && !wrong.contains("wrong-secret"), "\(wrong)")
  }

  @Test("Vault's secret holds chain and key, and is written when they change", arguments: [1, 2])
  func secrets(_ version: Int) async throws {
    let scene = try Scene()
    let server = try await PythonClient(scene.place).serve("vaults", [scene.place("")])
    defer { withExtendedLifetime(server.child) {} }
    let url = "http://127.0.0.1:\(server.port)"
    try scene.place.write("vault-token", "hvs.test\n")
    let place = vault(url) {
      ($0.version, $0.mount, $0.tokenFile) = (
        version, version == 2 ? "secret" : "kv1", scene.place("vault-token")
      )
      $0.namespace = "team"
    }
    #expect(try await scene.deliver(place) == .delivered)
    #expect(try await scene.deliver(place) == .unchanged)
    try scene.renew()
    #expect(try await scene.deliver(place) == .delivered)
    let made = try held(scene, "vault", version == 2 ? "secret/data/web/llm" : "kv1/web/llm")
    #expect(made?["count"]?.int == 2 && made?["namespace"] == "team")
    let current = try scene.current()
    #expect(made?["data"]?["fullchain"] == .string(String(decoding: current.chain.pem, as: UTF8.self)))
    #expect(made?["data"]?["private_key"] == .string(String(decoding: try current.key.pem(), as: UTF8.self)))
  }

  @Test("Vault's token may be an AppRole's or the environment's, and what is refused is told")
  func tokens() async throws {
    let scene = try Scene()
    let server = try await PythonClient(scene.place).serve("vaults", [scene.place("")])
    defer { withExtendedLifetime(server.child) {} }
    let url = "http://127.0.0.1:\(server.port)"
    try scene.place.write("sid", "sid\n")
    #expect(
      try await scene.deliver(vault(url) { ($0.roleID, $0.secretIDFile) = ("role-1", scene.place("sid")) })
        == .delivered)
    #expect(try await scene.deliver(vault(url), ["VAULT_TOKEN": "hvs.test"]) == .unchanged)
    let refused = try await scene.deliver(vault(url), ["VAULT_TOKEN": "hvs.wrong"]).failure
    #expect(refused.contains("permission denied") && !refused.contains("hvs.wrong"), "\(refused)")
    #expect(try await scene.deliver(vault(url)).failure.contains("token_file or role_id"))
  }
}
