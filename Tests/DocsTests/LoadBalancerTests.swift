import FakeGoogle
import TestRun
import Testing

/// docs/gcp-load-balancer.md: its example is applied as it stands, by its own commands.
@Suite(.ownThread) struct LoadBalancerTests {
  static let document = "docs/gcp-load-balancer.md"

  @Test("the example of the load balancer's document works command by command")
  func example() async throws {
    let google = try FakeGoogle()
    let here = try TemporaryDirectory()
    let block = try #require(Documents.blocks("yaml").first { $0.document == Self.document })
    let commands = Documents.commands("sh").filter { $0.document == Self.document }
    #expect(commands.count >= 4)
    try here.write("sa.json", try google.serviceAccountFile())
    let issued = try await here.shell("certd issue llm.example.com --store certs --issuer local")
    #expect(issued.status == 0, "\(issued.output)")
    try here.write("certd.yaml", "store: certs\n" + block.text)
    try here.write(
      "stack.json",
      #"{"deployment": {"resources": [{"type": "gcp:compute/targetHttpsProxy:TargetHttpsProxy", "#
        + #""urn": "u", "id": "projects/p/global/targetHttpsProxies/web"}]}}"#)
    let environment = """
      export GOOGLE_APPLICATION_CREDENTIALS=sa.json CERTD_GCP_COMPUTE_ENDPOINT=\(google.url)
      export CERTD_GCP_TOKEN_ENDPOINT=\(google.url)/token NO_PROXY=127.0.0.1

      """
    var outputs: [String] = []
    var rules: [JSON] = []
    for command in commands {
      if command.text.contains("gcp destroy") {
        rules = ["edge-https", "edge-http"].compactMap { google["global/forwardingRules/\($0)"] }
      }
      let done = try await here.shell(environment + command.text)
      #expect(done.status == 0, "\(command.text): \(done.output)")
      outputs.append(done.output)
    }
    #expect(outputs.first?.contains("+ global/urlMaps/edge-map") == true, "\(outputs)")
    #expect(rules.count == 2)
    let address = rules.first?["IPAddress"]?.string ?? "none"
    #expect(outputs.contains { $0.contains(#""address": "\#(address)""#) }, "\(outputs)")
    #expect(google.paths("forwardingRules").isEmpty)
    #expect(google.problems.isEmpty)
  }
}
