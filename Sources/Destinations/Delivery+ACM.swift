internal import Bytes
internal import CertStore
internal import HTTP
internal import JSON
internal import PKI

extension Delivery {
  /// The tag by which certd finds again what it has imported; its value is the certificate's name.
  static let acmTag = "certd:name"
  /// The most pages of certificates that are looked through, of 1,000 each.
  static let maximumACMPages = 100

  /// Imports the certificate, under the same ARN where there is one.
  func deliver(
    _ certificate: StoredCertificate, to place: ACMCertificate
  ) async throws(DeliveryError) -> Outcome {
    let manager = try await CertificateManager(self, place)
    var arn = place.arn
    if arn == nil { arn = try await manager.tagged(certificate.name.description) }
    if let arn, try await manager.leaf(arn) == certificate.chain.leaf { return .unchanged }
    try await manager.importing(certificate, arn)
    return .delivered
  }
}

/// AWS Certificate Manager in one region.
private struct CertificateManager {
  let delivery: Delivery
  let url: URL
  let signature: SignatureV4

  init(_ delivery: Delivery, _ place: ACMCertificate) async throws(DeliveryError) {
    self.delivery = delivery
    url = try Delivery.url(
      delivery.variable("AWS_ENDPOINT_URL_ACM") ?? delivery.variable("AWS_ENDPOINT_URL")
        ?? "https://acm.\(place.region).\(Delivery.awsDomain(place.region))/", "AWS_ENDPOINT_URL_ACM")
    signature = SignatureV4(
      region: place.region, service: "acm", credentials: try await delivery.awsCredentials(place))
  }

  /// One call; nil when what it is about is not there.
  private func call(_ action: String, _ body: JSONValue) async throws(DeliveryError) -> JSONValue? {
    let step = "\(action) at \(url.authority)"
    var request = HTTP.Request("POST", url)
    request.fields.add("Content-Type", "application/x-amz-json-1.1")
    request.fields.add("X-Amz-Target", "CertificateManager.\(action)")
    request.body = Array(body.text.utf8)
    let signed: HTTP.Request
    do throws(PKIError) { signed = try signature.signed(request, now: delivery.surroundings.now()) } catch {
      throw DeliveryError("\(step): \(error)")
    }
    let response = try await delivery.send(signed, step)
    if response.status == 200 { return try Delivery.object(response, step) }
    let kind = (try? JSONValue(parsing: response.body))?["__type"]?.string ?? ""
    if kind.hasSuffix("ResourceNotFoundException") { return nil }
    let told = Delivery.refusal(response, step, [["message"], ["Message"], ["__type"]])
    guard kind.contains("AccessDenied") || response.status == 403 else { throw told }
    throw DeliveryError("\(told.reason); docs/deploy-targets.md has the permissions that it takes")
  }

  /// The certificate that carries our tag with that name.
  func tagged(_ name: String) async throws(DeliveryError) -> String? {
    var next: String?
    for _ in 0..<Delivery.maximumACMPages {
      var body: [String: JSONValue] = [
        "MaxItems": .number("1000"),
        // Without this only RSA keys of 2,048 bits are listed.
        "Includes": [
          "keyTypes": [
            "RSA_1024", "RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1",
          ]
        ],
      ]
      if let next { body["NextToken"] = .string(next) }
      let page = try await call("ListCertificates", .object(body)) ?? .null
      for entry in page["CertificateSummaryList"]?.elements ?? [] {
        if let type = entry["Type"]?.string, type != "IMPORTED" { continue }
        guard let arn = entry["CertificateArn"]?.string else { continue }
        let tags = try await call("ListTagsForCertificate", ["CertificateArn": .string(arn)])
        let isOurs = tags?["Tags"]?.elements.contains {
          $0["Key"]?.string == Delivery.acmTag && $0["Value"]?.string == name
        }
        if isOurs == true { return arn }
      }
      next = page["NextToken"]?.string
      if next == nil { return nil }
    }
    throw DeliveryError("there are too many certificates in \(signature.region): name the certificate's arn")
  }

  /// What a certificate's ARN stands for now.
  func leaf(_ arn: String) async throws(DeliveryError) -> Certificate? {
    guard let answer = try await call("GetCertificate", ["CertificateArn": .string(arn)]) else {
      throw DeliveryError("\(url.authority) has no certificate \(arn)")
    }
    guard let text = answer["Certificate"]?.string else { return nil }
    return try? CertificateChain(pem: Array(text.utf8)).leaf
  }

  func importing(_ certificate: StoredCertificate, _ arn: String?) async throws(DeliveryError) {
    var body: [String: JSONValue] = [
      "Certificate": .string(Base64.encode(certificate.chain.leafPEM)),
      "PrivateKey": .string(Base64.encode(try Delivery.pem(certificate.key))),
    ]
    let issuers = certificate.chain.intermediatesPEM
    if !issuers.isEmpty { body["CertificateChain"] = .string(Base64.encode(issuers)) }
    if let arn {
      body["CertificateArn"] = .string(arn)
    } else {
      body["Tags"] = [["Key": .string(Delivery.acmTag), "Value": .string(certificate.name.description)]]
    }
    guard try await call("ImportCertificate", .object(body)) != nil else {
      throw DeliveryError("\(url.authority) has no certificate \(arn ?? "")")
    }
  }
}
