import Bytes
import HTTP
import TestRun
import Testing

@testable import Destinations

@Suite("AWS signatures", .ownThread) struct SignatureTests {
  // Made by botocore 1.44.8 (SigV4Auth) of the same request.
  private static let expected =
    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20270115/eu-central-1/acm/aws4_request, "
    + "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, "
    + "Signature=11d46ec64a8b0dd4e92d3b76cab91adca322f64ff889ffe753691cbfe09b96cb"

  @Test("a request is signed as AWS's own library signs it")
  func signed() throws {
    let url = try #require(URL("https://acm.eu-central-1.amazonaws.com/"))
    var request = HTTP.Request("POST", url)
    request.fields.add("Content-Type", "application/x-amz-json-1.1")
    request.fields.add("X-Amz-Target", "CertificateManager.ListCertificates")
    request.body = Array(#"{"MaxItems":1000}"#.utf8)
    let signature = SignatureV4(
      region: "eu-central-1", service: "acm",
      credentials: AWSCredentials(
        accessKey: "AKIDEXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        sessionToken: "session+token="))
    let signed = try signature.signed(request, now: UnixTime(seconds: 1_800_000_000))
    #expect(signed.fields["X-Amz-Date"] == "20270115T080000Z")
    #expect(signed.fields["Authorization"] == Self.expected)
  }

  @Test("credentials are taken out of the answers of STS, and markup in them is not")
  func elements() {
    let answer =
      "<R><Credentials><AccessKeyId>ASIA</AccessKeyId><X><SessionToken>t</SessionToken></X></Credentials></R>"
    #expect(Delivery.element("AccessKeyId", answer) == "ASIA")
    #expect(Delivery.element("SessionToken", answer) == "t")
    #expect(Delivery.element("Credentials", answer) == nil)
    #expect(Delivery.element("Message", answer) == nil)
    #expect(Delivery.element("A", "<A>never closed") == nil)
  }

  @Test("a token for a vault is asked for in the cloud that the vault is in")
  func clouds() {
    #expect(Delivery.keyVaultResource("edge.vault.azure.net") == "https://vault.azure.net")
    #expect(Delivery.keyVaultResource("edge.vault.azure.cn") == "https://vault.azure.cn")
    #expect(Delivery.keyVaultResource("edge.vault.usgovcloudapi.net") == "https://vault.usgovcloudapi.net")
  }
}
