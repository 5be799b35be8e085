import CertStore
import Destinations
import EndToEnd
import JSON
import PKI
import TestRun
import Testing

/// AWS as moto has it, which checks signatures and rights; read back by boto3.
@Suite("Certificates to AWS", .ownThread) struct AWSTests {
  private func certificate(_ scene: Scene, _ change: (inout ACMCertificate) -> Void = { _ in }) -> Destination
  {
    var certificate = ACMCertificate()
    certificate.region = "eu-central-1"
    certificate.credentials = scene.place("credentials")
    certificate.profile = "edge"
    change(&certificate)
    return .awsACM(certificate)
  }

  private func held(_ scene: Scene, _ url: String) async throws -> [JSONValue] {
    let read = try await PythonClient(scene.place)(
      "aws_certificates", [url, scene.place("credentials"), "edge"])
    #expect(read.ending == .exited(0), "\(read)")
    return try read.output.split(separator: "\n").map { try JSONValue(parsing: Array($0.utf8)) }
  }

  @Test("a certificate is imported once, and again under its ARN when it is another")
  func imported() async throws {
    let scene = try Scene()
    let server = try await PythonClient(scene.place).serve("aws_server", [scene.place("")])
    defer { withExtendedLifetime(server.child) {} }
    let url = "http://127.0.0.1:\(server.port)"
    let variables = ["AWS_ENDPOINT_URL": url]
    #expect(try await scene.deliver(certificate(scene), variables) == .delivered)
    let first = try await held(scene, url)
    #expect(first.map { $0["tags"]?["certd:name"] } == ["llm"])
    #expect(try await scene.deliver(certificate(scene), variables) == .unchanged)
    try scene.renew()
    #expect(try await scene.deliver(certificate(scene), variables) == .delivered)
    let second = try await held(scene, url)
    #expect(second.map { $0["arn"] } == first.map { $0["arn"] })
    let leaf = try CertificateChain(pem: Array((second.first?["leaf"]?.string ?? "").utf8)).leaf
    #expect(leaf == (try scene.current().chain.leaf))
    let arn = try #require(first.first?["arn"]?.string)
    #expect(try await scene.deliver(certificate(scene) { $0.arn = arn }, variables) == .unchanged)
  }

  @Test("the role of the machine, and that of a token of another issuer, are found as AWS's tools find them")
  func roles() async throws {
    let scene = try Scene()
    let server = try await PythonClient(scene.place).serve("aws_server", [scene.place(""), "open"])
    defer { withExtendedLifetime(server.child) {} }
    let url = "http://127.0.0.1:\(server.port)"
    try scene.place.write("identity", "a.b.c\n")
    let machine = ["AWS_EC2_METADATA_SERVICE_ENDPOINT": url, "AWS_ENDPOINT_URL": url]
    let identity = [
      "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/certd",
      "AWS_WEB_IDENTITY_TOKEN_FILE": scene.place("identity"), "AWS_ENDPOINT_URL": url,
    ]
    let place = certificate(scene) { $0.credentials = nil }
    #expect(try await scene.deliver(place, machine) == .delivered)
    #expect(try await scene.deliver(place, identity) == .unchanged)
    try scene.place.write("identity", "\n")
    #expect(try await scene.deliver(place, identity).failure.contains("there is no single word"))
  }

  @Test("what is missing is told with what to do, and nothing secret")
  func refused() async throws {
    let scene = try Scene()
    let server = try await PythonClient(scene.place).serve("aws_server", [scene.place("")])
    defer { withExtendedLifetime(server.child) {} }
    let variables = ["AWS_ENDPOINT_URL": "http://127.0.0.1:\(server.port)"]
    let profile = try await scene.deliver(certificate(scene) { $0.profile = "absent" }, variables).failure
    #expect(profile.contains("[absent]"), "\(profile)")
    try scene.place.write("wrong", "[edge]\naws_access_key_id=AKIAWRONG\naws_secret_access_key=very+secret\n")
    let wrong = try await scene.deliver(
      certificate(scene) { $0.credentials = scene.place("wrong") }, variables
    ).failure
    #expect(wrong.contains("ListCertificates") && !wrong.contains("very+secret"), "\(wrong)")
    let nothing = try await scene.deliver(
      certificate(scene) { $0.credentials = nil }, ["AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1"]
    ).failure
    #expect(nothing.contains("no credentials of AWS are at hand"), "\(nothing)")
    let open = try await scene.deliver(certificate(scene), ["AWS_ENDPOINT_URL": "http://acm.example.com"])
      .failure
    #expect(open.contains("not asked without TLS"), "\(open)")
  }
}
