import ArgumentParser
import Renewal

struct DoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Look at a name as a CA would, and say what is in the way of a certificate.",
    discussion: """
      Example: certd doctor llm.example.com --config certd.yaml

      Looks at each address of the name, CAA records, ports 80 and 443 of every address from here, redirects, the \
      clock, the store's permissions and what the CA's limits still allow. Orders nothing; nothing waits for what it \
      finds. Exit status: 0 when no problem was found; 1 when one was; 2 when the configuration is not valid.
      """)

  @Argument(help: "A host name, or the name of a certificate as 'certd list' shows it.") var name: String
  @OptionGroup var options: ConfigurationOptions
  @Option(name: .customLong("http-port"), help: "The port that the CA asks for HTTP-01.") var httpPort:
    UInt16 = 80
  @Option(name: .customLong("https-port"), help: "The port that the CA asks for TLS-ALPN-01.")
  var httpsPort: UInt16 = 443
  @Option(name: .shortAndLong, help: "Output: table, json or yaml.") var output = OutputFormat.table

  private struct Described: Encodable {
    let name: String
    let findings: [Finding]
  }

  func run() async throws {
    let found: [(name: String, findings: [Finding])]
    do throws(SetupError) {
      found = try await Examination(
        options: options, ports: .init(http: httpPort, https: httpsPort)
      ).look(at: name)
    } catch { throw Failure.exit(error) }
    if output.isForPrograms {
      Output.line(
        try output.text(found.map { Described(name: $0.name, findings: $0.findings) }))
    } else {
      for (name, findings) in found { tell(name, findings) }
    }
    if found.contains(where: { $0.findings.contains { $0.severity == .problem } }) { throw ExitStatus.failed }
  }

  private func tell(_ name: String, _ findings: [Finding]) {
    Output.line("\(name):")
    for finding in findings {
      Output.line("  \(finding.severity.rawValue)  \(finding.check): \(finding.what)")
      if let remedy = finding.remedy { Output.line("    remedy: \(remedy)") }
    }
    let problems = findings.count { $0.severity == .problem }
    Output.line(problems == 0 ? "  no problem found" : "  \(problems) problem\(problems == 1 ? "" : "s")")
  }
}
