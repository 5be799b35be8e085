import FakeGoogle
import TestRun
import Testing

/// The commands for Google Cloud, in the order of their document, against the stand-in.
@Suite(.ownThread) struct GCPDocsTests {
  @Test("every command for Google Cloud works with the configuration shown before it")
  func commands() async throws {
    let commands = Documents.commands("sh").filter { $0.document == "docs/gcp.md" }
    #expect(commands.count > 4)
    let here = try TemporaryDirectory()
    let shown = try #require(Documents.blocks("yaml").first { $0.document == "docs/gcp.md" }).text
    let configuration = shown.replacing("email: ops@example.com", with: "issuers: [local]")
    try here.write("certd.yaml", "store: certs\n\(configuration)")
    // With the section gcp a renewal pushes by itself.
    let plain = String(configuration.split(separator: "gcp:")[0])
    try here.write("plain.yaml", "store: certs\n\(plain)")
    var settings = FakeGoogle.Settings()
    settings.project = "my-project"
    let google = try FakeGoogle(settings)
    try here.write("sa.json", try google.serviceAccountFile())
    for scope in ["global", "regions/europe-west1"] {
      try google.seed(
        "\(scope)/healthChecks", ["name": "hc", "type": "HTTP", "httpHealthCheck": ["requestPath": "/"]])
      try google.seed(
        "\(scope)/backendServices",
        [
          "name": "bs", "healthChecks": [.string("\(scope)/healthChecks/hc")], "protocol": "HTTP",
          "loadBalancingScheme": "EXTERNAL_MANAGED",
        ])
      try google.seed(
        "\(scope)/urlMaps", ["name": "um", "defaultService": .string("\(scope)/backendServices/bs")])
    }
    try google.seed(
      "global/sslCertificates",
      ["name": "managed", "type": "MANAGED", "managed": ["domains": ["llm.example.com"]]])
    let environment = """
      export GOOGLE_APPLICATION_CREDENTIALS=sa.json CERTD_GCP_COMPUTE_ENDPOINT=\(google.url) \
      CERTD_GCP_CERTIFICATEMANAGER_ENDPOINT=\(google.url)
      """
    let issued = try await here.shell("certd renew --no-delay --config plain.yaml")
    #expect(issued.status == 0, "\(issued.output)")
    try google.seed(
      "global/targetHttpsProxies",
      ["name": "edge", "urlMap": "global/urlMaps/um", "sslCertificates": ["global/sslCertificates/managed"]])
    try regional(
      google, try await here.shell("cat certs/certificates/llm/current/fullchain.pem").output,
      try await here.shell("cat certs/certificates/llm/current/privkey.pem").output)
    for command in commands {
      let done = try await here.shell("\(environment)\n\(command.text)")
      #expect(done.status == 0, "\(command): \(done.output)")
    }
    #expect(google.problems.isEmpty)
  }

  private func regional(_ google: FakeGoogle, _ chain: String, _ key: String) throws {
    try google.seed(
      "regions/europe-west1/sslCertificates",
      ["name": "theirs", "certificate": .string(chain), "privateKey": .string(key)])
    try google.seed(
      "regions/europe-west1/targetHttpsProxies",
      [
        "name": "edge-eu", "urlMap": "regions/europe-west1/urlMaps/um",
        "sslCertificates": ["regions/europe-west1/sslCertificates/theirs"],
      ])
  }
}
