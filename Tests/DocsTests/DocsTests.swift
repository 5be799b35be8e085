import FoundationEssentials
import OS
import TestRun
import Testing

/// What the documents show must work as it is shown.
@Suite(.ownThread) struct DocsTests {
  @Test("every configuration in the documents is valid", arguments: Documents.blocks("yaml"))
  func configurations(block: Documents.Block) async throws {
    let here = try TemporaryDirectory()
    // The files that examples name, made here.
    let made = try await here.shell(
      """
      openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=other.example.com \
      -addext subjectAltName=DNS:other.example.com -keyout other.key -out other.pem 2>&1 &&
      cp other.pem internal-root.pem && cp other.pem etcd-ca.pem && cp other.pem etcd-client.pem &&
      cp other.key etcd-client.key &&
      echo sk-0123456789abcdef0123456789abcdef > api-keys && cp api-keys engine-key
      """)
    #expect(made.status == 0, "\(made.output)")
    try here.write("users", "alice:$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA\n")
    try here.write("tsig.key", "key \"certd\" { algorithm hmac-sha256; secret \"c2VjcmV0\"; };\n")
    try here.write("certd.yaml", block.text.replacing("/etc/ssl/", with: "\(here.path)/"))
    let checked = try await here.shell("certd check --config certd.yaml")
    #expect(checked.status == 0, "\(block): \(checked.output)")
  }

  @Test(
    "every command in the documents is understood",
    arguments: Documents.commands("sh").filter { !$0.text.contains("certd gcp") })
  func commands(command: Documents.Block) async throws {
    let here = try TemporaryDirectory()
    try here.write("certd.yaml", Documents.blocks("yaml").first?.text ?? "")
    var line = command.text
    // What would serve or order from a public CA is checked with the same flags; see the end-to-end tests for the rest.
    line = line.replacing("certd run ", with: "certd check ")
    if line.contains("certd key ") {
      try here.write(
        "certd.yaml", Documents.blocks("yaml").first { $0.text.contains("keys: team") }?.text ?? "")
      try here.write("engine-key", "sk-engine-0123456789\n")
      if !line.contains("key create") {
        let made = try await here.shell("certd key create --group team --name alice")
        #expect(made.status == 0, "\(made.output)")
      }
    }
    if line.contains("certd issue ") || line.contains("certd show ") {
      let issued = try await here.shell(
        "certd issue llm.example.com --store certs --issuer local --config /dev/null/none || "
          + "(rm certd.yaml; certd issue llm.example.com --store certs --issuer local)")
      #expect(issued.status == 0, "\(issued.output)")
    }
    if line.contains("certd issue ") { line += " --store certs --issuer local" }
    if line.contains("certd show ") || line.contains("certd list") || line.contains("certd ca ") {
      line = line.replacing(" > ", with: " --store certs > ")
      if !line.contains("--store") { line += " --store certs" }
    }
    if line.contains("certd renew") { line += " --no-delay --dry-run --store certs" }
    // No postfix here to be reloaded.
    line = line.replacing("systemctl reload postfix", with: "true")
    // A public CA would be asked: the flags must be understood.
    let asks = [
      "explain", "top", "reload", "drain", "backend", "log", "import", "init", "demo", "upgrade", "fleet",
    ]
    .contains {
      line.hasPrefix("certd \($0) ") || line == "certd \($0)"
    }
    if asks || line.contains("certd account") || line.contains("certd doctor") { line = "\(line) --help" }
    // Google's load balancer has a test of its own.
    if line.hasPrefix("curl") || command.document == LoadBalancerTests.document { return }
    let done = try await here.shell(line)
    if line.contains("certd revoke") || line.contains("certd status") {
      // The local CA has no revocation, and nothing is served here; the flags must be understood.
      #expect(done.status != 64, "\(command): \(done.output)")
    } else {
      #expect(done.status == 0, "\(command): \(done.output)")
    }
  }

  @Test("the documents name both commands of the project")
  func makeTargets() throws {
    let readme = try String(contentsOf: Documents.root.appending(path: "README.md"), encoding: .utf8)
    #expect(readme.contains("make run") && readme.contains("make test"))
  }

  @Test(
    "every subcommand's help shows an example",
    arguments: [
      "run", "issue", "renew", "list", "show", "status", "plan", "doctor", "check", "revoke", "key",
      "key create", "explain", "top", "reload", "drain", "backend", "log level", "import", "init",
    ])
  func help(subcommand: String) async throws {
    let help = try await TemporaryDirectory().shell("certd \(subcommand) --help")
    #expect(help.status == 0)
    #expect(
      help.output.contains("Example:") || help.output.contains("certd \(subcommand) "), "\(help.output)")
  }
}
