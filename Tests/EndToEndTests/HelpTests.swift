import EndToEnd
import TestRun
import Testing

/// What a user who knows nothing is told.
@Suite(.ownThread) struct HelpTests {
  @Test(
    "every command's help shows an example",
    arguments: [
      "run", "issue", "renew", "list", "show", "status", "plan", "doctor", "check", "revoke", "ca root",
      "account show", "account contacts", "account rollover", "account deactivate",
    ])
  func example(command: String) async throws {
    let place = try Place()
    let help = try await Certd(place)("help", with: command.split(separator: " ").map(String.init))
    #expect(help.ending == .exited(0))
    let flag = try await Certd(place)(
      String(command.prefix { $0 != " " }),
      with: command.split(separator: " ").dropFirst().map(String.init) + ["--help"])
    #expect(flag.ending == .exited(0) && flag.output == help.output)
    #expect(flag.output.contains("Example:") && flag.output.contains("certd \(command)"), "\(flag.output)")
  }

  @Test("the help names every command, an example and the exit statuses")
  func all() async throws {
    let help = try await Certd(try Place())("--help").output
    for word in [
      "run", "issue", "renew", "list", "show", "status", "plan", "doctor", "check", "revoke", "ca",
      "Example:",
      "Exit status: 0", "64",
    ] {
      #expect(help.contains(word), "\(word) is missing in \(help)")
    }
  }

  @Test("issue and renew tell their exit statuses", arguments: ["issue", "renew"])
  func statuses(command: String) async throws {
    let help = try await Certd(try Place())(command, "--help").output.split(whereSeparator: \.isWhitespace)
    #expect(help.joined(separator: " ").contains("Exit status: 0"))
  }
}
