// certd: the commands, the daemon, and the joints between modules.
//
// It does not speak TLS, HTTP, ACME or Google's API itself: what the parts promise stands in their own modules.
// It promises that bad settings change nothing that is served; that one broken file, name or backend stops no other; that
// secrets stand in no log, error or argument; that exit statuses are 0 done, 1 failed, 2 not valid, 64 not understood.

import ArgumentParser
import OS
import PKI

/// certd: trusted HTTPS for model servers on one's own machines. This module holds the commands and joins the
/// parts; what the parts promise stands in their own modules.
@main
enum Main {
  // Written once at the start, before other threads exist.
  nonisolated(unsafe) private(set) static var launch = Launch()

  // Not an asynchronous main: its run loop lets the main thread take signals again.
  static func main() {
    CryptoLibrary.keepUntilTheEnd()
    DescriptorBudget.claim()
    // Before any other thread exists, so that none of them takes a signal meant for the daemon.
    let arguments = CommandLine.arguments.dropFirst()
    let isDaemon = arguments.first == "run" || arguments.first == "demo"
    Signals.block(isDaemon ? Daemon.signals : [])
    if isDaemon { unsafe launch = Launch.find() }
    guard let gate = try? Gate() else { return Output.error("certd: out of file descriptors") }
    if Array(arguments) == ["help", "errors"] { return Output.line(ErrorsHelp.text) }
    if let complaint = CommandNames.complaint(arguments) {
      Output.error("certd: \(complaint)")
      Certd.exit(withError: ExitCode.validationFailure)
    }
    Task.detached {
      await Certd.main()
      gate.open()
    }
    gate.wait()
  }
}

struct Certd: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "certd",
    abstract: "Trusted HTTPS in front of model servers: certificates, renewal, TLS proxy.",
    discussion: """
      Example: certd run --domain llm.example.com --backend http://127.0.0.1:8000 \
      --email ops@example.com --agree-tos

      Exit status: 0 done; 1 something failed, the reason is on standard error; 2 the configuration is not \
      valid; 64 the command line is not valid. 'certd help errors' tells what to do about errors.
      """,
    version: Version.text,
    subcommands: [
      RunCommand.self, IssueCommand.self, RenewCommand.self, ListCommand.self, ShowCommand.self,
      StatusCommand.self, PlanCommand.self, DoctorCommand.self,
      CheckCommand.self, RevokeCommand.self, AccountCommand.self, GCPCommand.self, CACommand.self,
      KeyCommand.self, ExplainCommand.self, ReloadCommand.self, UpgradeCommand.self, DrainCommand.self,
      BackendCommand.self,
      LogCommand.self, TopCommand.self, FleetCommand.self,
      ImportCommand.self, InitCommand.self, DemoCommand.self,
    ])
}

/// What this program is.
enum Version {
  /// The version, as `--version` prints it.
  static let text = "0.1.0"
  /// A clock that shows an earlier time than this is wrong: seconds since the epoch, 2025-06-01.
  static let earliestSeconds: Int64 = 1_748_736_000
}
