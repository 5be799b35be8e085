internal import Bytes
internal import CertStore
internal import HTTP
internal import JSON
internal import PKI

extension Delivery {
  /// The version of Key Vault's interface.
  static let keyVaultVersion = "7.4"

  /// Imports the certificate as a new version of the one in the vault.
  func deliver(
    _ certificate: StoredCertificate, to place: KeyVaultCertificate
  ) async throws(DeliveryError) -> Outcome {
    let vault = try Self.url(place.vault, "azure_key_vault.vault")
    let token = try await azureToken(place, vault)
    let step = "certificate \(place.certificate) of \(vault.authority)"
    func request(_ method: String, _ path: String) throws(DeliveryError) -> HTTP.Request {
      guard
        let url = vault.at("/certificates/\(place.certificate)\(path)?api-version=\(Self.keyVaultVersion)")
      else { throw DeliveryError("\(step): its path is too long") }
      return HTTP.Request(method, url, fields: [.init("Authorization", "Bearer \(token)")])
    }
    let present = try await send(try request("GET", ""), step)
    if present.status == 200,
      let text = (try? JSONValue(parsing: present.body))?["cer"]?.string,
      Base64.decode(text) == certificate.chain.leaf.der
    {
      return .unchanged
    }
    guard [200, 404].contains(present.status) else { throw Self.keyVaultRefusal(present, step) }
    var importing = try request("POST", "/import")
    importing.fields.add("Content-Type", "application/json")
    importing.body = Array(try Self.imported(certificate).text.utf8)
    let response = try await send(importing, step)
    guard response.status == 200 else { throw Self.keyVaultRefusal(response, step) }
    return .delivered
  }

  private static func keyVaultRefusal(_ response: HTTP.Response, _ step: String) -> DeliveryError {
    let told = refusal(response, step, [["error", "message"], ["error", "code"]])
    switch response.status {
    case 401, 403:
      return DeliveryError(
        "\(told.reason); it takes get and import of certificates (docs/deploy-targets.md)")
    case 409:
      return DeliveryError(
        "\(told.reason); a deleted certificate of that name has to be recovered or purged first")
    default: return told
    }
  }

  private static func imported(_ certificate: StoredCertificate) throws(DeliveryError) -> JSONValue {
    let file: [UInt8]
    do throws(PKIError) {
      file = try certificate.chain.pkcs12(certificate.key, name: certificate.name.description)
    } catch { throw DeliveryError("\(error)") }
    var key: [String: JSONValue] = ["exportable": .bool(true), "reuse_key": .bool(false)]
    switch certificate.key.type {
    case .rsa2048, .rsa3072, .rsa4096:
      key["kty"] = "RSA"
      let size = certificate.key.type.map { $0.rawValue.drop { $0 != "-" }.dropFirst() } ?? "2048"
      key["key_size"] = .number(String(size))
    case .ecP256:
      key["kty"] = "EC"
      key["crv"] = "P-256"
    case .ecP384:
      key["kty"] = "EC"
      key["crv"] = "P-384"
    case nil: throw DeliveryError("Key Vault takes RSA keys and those of P-256 and P-384")
    }
    return [
      "value": .string(Base64.encode(file)), "pwd": "",
      "policy": [
        "key_props": .object(key), "secret_props": ["contentType": "application/x-pkcs12"],
      ],
      "tags": ["certd-name": .string(certificate.name.description)],
    ]
  }

  /// A token for the vault: of a client with a secret, of a pod's workload identity, or of the machine.
  private func azureToken(_ place: KeyVaultCertificate, _ vault: URL) async throws(DeliveryError) -> String {
    let resource = Self.keyVaultResource(vault.host)
    let client = place.clientID ?? variable("AZURE_CLIENT_ID")
    var proof: [(String, String)]?
    if let file = place.clientSecretFile {
      proof = [("client_secret", try secret(file, "Azure client secret"))]
    } else if let file = variable("AZURE_FEDERATED_TOKEN_FILE") {
      proof = [
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", try secret(file, "Azure workload identity")),
      ]
    }
    let request: HTTP.Request
    let step: String
    if let proof {
      guard let tenant = place.tenant ?? variable("AZURE_TENANT_ID"), let client else {
        throw DeliveryError("Azure: tenant and client_id are not known: write both")
      }
      let host = variable("AZURE_AUTHORITY_HOST") ?? "https://login.microsoftonline.com/"
      let base = host.hasSuffix("/") ? String(host.dropLast()) : host
      let url = try Self.url("\(base)/\(percentEncoded(tenant))/oauth2/v2.0/token", "AZURE_AUTHORITY_HOST")
      step = "a token of \(url.authority)"
      request = Self.form(
        url,
        [("grant_type", "client_credentials"), ("client_id", client), ("scope", "\(resource)/.default")]
          + proof)
    } else {
      let host = variable("AZURE_POD_IDENTITY_AUTHORITY_HOST") ?? Self.machineMetadata
      let chosen = client.map { "&client_id=\(percentEncoded($0))" } ?? ""
      let query = "api-version=2018-02-01&resource=\(percentEncoded(resource))\(chosen)"
      step = "a token of the managed identity"
      request = HTTP.Request(
        "GET",
        try Self.url("\(host)/metadata/identity/oauth2/token?\(query)", "AZURE_POD_IDENTITY_AUTHORITY_HOST"),
        fields: [.init("Metadata", "true")])
    }
    let response = try await send(request, step)
    guard response.status == 200 else {
      throw Self.refusal(response, step, [["error_description"], ["error"]])
    }
    guard let token = try Self.object(response, step)["access_token"]?.string, Self.isToken(token) else {
      throw DeliveryError("\(step): there is no access_token in it")
    }
    return token
  }

  /// Whom a token is for: the vault's domain, which differs between Azure's clouds.
  static func keyVaultResource(_ host: String) -> String {
    for domain in ["vault.azure.cn", "vault.usgovcloudapi.net", "managedhsm.azure.net"]
    where host.hasSuffix(".\(domain)") { return "https://\(domain)" }
    return "https://vault.azure.net"
  }
}
