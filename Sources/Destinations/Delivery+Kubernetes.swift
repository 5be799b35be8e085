internal import Bytes
internal import CertStore
internal import HTTP
internal import JSON
internal import PKI
internal import TLS

extension Delivery {
  /// Who certd is to Kubernetes' server-side apply.
  static let fieldManager = "certd"

  /// Applies the Secret on the server's side: what it holds besides stays, and an equal one is not written.
  func deliver(
    _ certificate: StoredCertificate, to place: KubernetesSecret
  ) async throws(DeliveryError) -> Outcome {
    let access = try kubernetesAccess(place)
    guard let namespace = place.namespace ?? access.namespace else {
      throw DeliveryError("Kubernetes: no namespace is known: write `namespace`")
    }
    let step = "applying secret \(namespace)/\(place.secret) at \(access.server.authority)"
    let path = "\(access.prefix)/api/v1/namespaces/\(namespace)/secrets/\(place.secret)"
    guard let reading = access.server.at(path),
      let url = access.server.at("\(path)?fieldManager=\(Self.fieldManager)&force=\(place.force)")
    else { throw DeliveryError("\(step): its path is too long") }
    let content = try Self.secretContent(certificate)
    let present = try await send(
      access.authorized(HTTP.Request("GET", reading)), step, trusting: access.context)
    if present.status == 200, let value = try? JSONValue(parsing: present.body),
      content.allSatisfy({ value["data"]?[$0.key]?.string == $0.value })
    {
      return .unchanged
    }
    var request = access.authorized(HTTP.Request("PATCH", url))
    request.fields.add("Content-Type", "application/apply-patch+yaml")
    request.fields.add("Accept", "application/json")
    request.body = Array(
      Self.applied(place.secret, namespace, certificate, content).text.utf8)
    let response = try await send(request, step, trusting: access.context)
    switch response.status {
    case 200, 201: return .delivered
    case 409:
      let told = Self.refusal(response, step, [["message"]])
      throw DeliveryError("\(told.reason); 'force: true' takes these fields over")
    case 401, 403:
      let told = Self.refusal(response, step, [["message"]])
      throw DeliveryError(
        "\(told.reason); it takes get, create and patch of secrets (docs/deploy-targets.md)")
    default: throw Self.refusal(response, step, [["message"]])
    }
  }

  private static func secretContent(
    _ certificate: StoredCertificate
  ) throws(DeliveryError) -> [String: String] {
    [
      "tls.crt": Base64.encode(certificate.chain.pem), "tls.key": Base64.encode(try pem(certificate.key)),
    ]
  }

  /// A private key as PEM.
  static func pem(_ key: PrivateKey) throws(DeliveryError) -> [UInt8] {
    do throws(PKIError) { return try key.pem() } catch { throw DeliveryError("writing the key: \(error)") }
  }

  private static func applied(
    _ name: String, _ namespace: String, _ certificate: StoredCertificate, _ content: [String: String]
  ) -> JSONValue {
    [
      "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
      "metadata": [
        "name": .string(name), "namespace": .string(namespace),
        "labels": ["app.kubernetes.io/managed-by": "certd"],
      ],
      "data": .object(content.mapValues { .string($0) }),
    ]
  }
}

/// How an API server of Kubernetes is reached.
struct KubernetesAccess {
  let server: URL
  /// The path before all others, without a slash at its end; empty at most servers.
  let prefix: String
  let context: ClientContext
  /// The value of the Authorization field.
  let authorization: String?
  let namespace: String?

  func authorized(_ request: HTTP.Request) -> HTTP.Request {
    var request = request
    if let authorization { request.fields.add("Authorization", authorization) }
    return request
  }
}
