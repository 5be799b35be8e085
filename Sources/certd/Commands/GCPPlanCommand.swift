import ArgumentParser
import Configuration
import GCP
internal import JSON
import OS

/// Where the load balancer's configuration and certificates come from.
struct LoadBalancerOptions: ParsableArguments {
  @Option(name: .shortAndLong, help: "Configuration file; certd.yaml here, or /etc/certd/certd.yaml.")
  var config: String?

  @Option(help: "Directory of the certificate store.")
  var store: String?

  @Flag(help: "Take over resources of the chain's names that are there and not its own.")
  var adopt = false

  @Option(name: .shortAndLong, help: "Output: table, json or yaml.")
  var output: OutputFormat = .table

  @Flag(name: .shortAndLong, help: "Say nothing but errors and what was asked for.")
  var quiet = false

  @Flag(name: .shortAndLong, help: "Tell of each call: its method, path, status and time.")
  var verbose = false

  /// Asks a person; there is none where nobody sits at a terminal.
  func confirm(isConfirmed: Bool, _ step: String, _ question: String) throws(GCPError) {
    if isConfirmed { return }
    guard Sys.isTerminal(0), Sys.isTerminal(2) else {
      throw GCPError(step, .refusedHere("nobody is there to be asked"), remedy: "add --yes")
    }
    Output.error("\(question) Only 'yes' is taken for it:")
    guard readLine() == "yes" else { throw GCPError(step, .refusedHere("declined; nothing was changed")) }
  }

  func configuration() throws(SetupError) -> Configuration {
    try ConfigurationSource.usual(config, store: store).read().configuration
  }
}

struct GCPPlanCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Show what 'gcp apply' would change of Google's load balancer; changes nothing.",
    discussion: """
      Example: certd gcp plan --detailed-exit-code

      Exit status: 0 the plan was made; 1 it could not be made, or something is in its way; 2 the configuration \
      is not valid; with --detailed-exit-code, 3 when there is something to do.
      """)

  @OptionGroup var options: LoadBalancerOptions
  @Flag(name: .customLong("detailed-exit-code"), help: "Exit with 3 when there is something to do.")
  var detailedExitCode = false

  func run() async throws {
    let plan: ChainPlan
    do throws(SetupError) {
      let job = try await LoadBalancerJob(options, try World())
      if !options.quiet { for warning in job.warnings { Output.error("warning: \(warning)") } }
      do throws(GCPError) { plan = try await job.applier().plan(adopts: options.adopt) } catch {
        throw .other("\(error)")
      }
    } catch { throw Failure.exit(error) }
    Output.line(options.output.isForPrograms ? options.output.text(plan.json) : plan.text)
    if !plan.obstacles.isEmpty { throw ExitStatus.failed }
    if detailedExitCode, !plan.isEmpty { throw ExitStatus.changes }
  }
}

extension ExitStatus {
  /// There is something to do, asked for by `--detailed-exit-code`.
  static let changes = ExitCode(3)
}
