internal import Bytes
internal import CertStore
internal import HTTP
internal import JSON
internal import PKI
internal import TLS

extension Delivery {
  /// Writes certificate, chain and key as one secret, unless it holds them.
  func deliver(
    _ certificate: StoredCertificate, to place: VaultSecret
  ) async throws(DeliveryError) -> Outcome {
    let vault = try Self.url(place.address, "vault.address")
    var context: ClientContext?
    if let path = place.caFile ?? variable("VAULT_CACERT") {
      guard let roots = surroundings.read(path) else {
        throw DeliveryError("vault.ca: \(path) cannot be read")
      }
      context = try trust(roots: roots, nil, path)
    }
    let token = try await vaultToken(place, vault, context)
    let step = "secret \(place.mount)/\(place.path) of \(vault.authority)"
    let kind = place.version == 2 ? "/data" : ""
    guard let url = vault.at("/v1/\(place.mount)\(kind)/\(percentEncoded(place.path, keeping: "/"))") else {
      throw DeliveryError("\(step): its path is too long")
    }
    var request = Self.vaultRequest("GET", url, place, token)
    let present = try await send(request, step, trusting: context)
    let content = try Self.vaultContent(certificate)
    if present.status == 200, let value = try? JSONValue(parsing: present.body) {
      let held = place.version == 2 ? value["data"]?["data"] : value["data"]
      if content.allSatisfy({ held?[$0.key] == $0.value }) { return .unchanged }
    } else if ![404, 403].contains(present.status) {
      throw Self.refusal(present, step, [["errors"]])
    }
    request = Self.vaultRequest("POST", url, place, token)
    request.fields.add("Content-Type", "application/json")
    let document: JSONValue = place.version == 2 ? ["data": .object(content)] : .object(content)
    request.body = Array(document.text.utf8)
    let response = try await send(request, step, trusting: context)
    guard [200, 204].contains(response.status) else { throw Self.refusal(response, step, [["errors"]]) }
    return .delivered
  }

  private static func vaultRequest(
    _ method: String, _ url: URL, _ place: VaultSecret, _ token: String?
  ) -> HTTP.Request {
    var request = HTTP.Request(method, url, fields: [.init("X-Vault-Request", "true")])
    if let token { request.fields.add("X-Vault-Token", token) }
    if let namespace = place.namespace { request.fields.add("X-Vault-Namespace", namespace) }
    return request
  }

  private static func vaultContent(_ certificate: StoredCertificate) throws(DeliveryError) -> [String:
    JSONValue]
  {
    func text(_ pem: [UInt8]) -> JSONValue { .string(String(decoding: pem, as: UTF8.self)) }
    return [
      "certificate": text(certificate.chain.leafPEM), "chain": text(certificate.chain.intermediatesPEM),
      "fullchain": text(certificate.chain.pem), "private_key": text(try pem(certificate.key)),
      "not_after": .string("\(certificate.chain.leaf.notAfter)"),
    ]
  }

  /// The token that is at hand, or that an AppRole is given.
  private func vaultToken(
    _ place: VaultSecret, _ vault: URL, _ context: ClientContext?
  ) async throws(DeliveryError) -> String {
    if let role = place.roleID {
      let step = "AppRole login at \(vault.authority)"
      guard let url = vault.at("/v1/auth/approle/login") else { throw DeliveryError(step) }
      var request = Self.vaultRequest("POST", url, place, nil)
      request.fields.add("Content-Type", "application/json")
      var body: [String: JSONValue] = ["role_id": .string(role)]
      if let file = place.secretIDFile { body["secret_id"] = .string(try secret(file, "AppRole secret")) }
      request.body = Array(JSONValue.object(body).text.utf8)
      let response = try await send(request, step, trusting: context)
      guard response.status == 200 else { throw Self.refusal(response, step, [["errors"]]) }
      guard let token = try Self.object(response, step)["auth"]?["client_token"]?.string, Self.isToken(token)
      else {
        throw DeliveryError("\(step): there is no client_token in it")
      }
      return token
    }
    if let file = place.tokenFile { return try secret(file, "Vault's token") }
    guard let token = variable("VAULT_TOKEN"), Self.isToken(token) else {
      throw DeliveryError("Vault: no token is known: write token_file or role_id, or set VAULT_TOKEN")
    }
    return token
  }
}
