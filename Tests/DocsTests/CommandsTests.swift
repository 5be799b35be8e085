import FoundationEssentials
import OS
import TestRun
import Testing

/// docs/commands.md is what `--help` says, of every command.
@Suite("The commands' document", .ownThread) struct CommandsTests {
  @Test("docs/commands.md has the help of each command as it is")
  func commands() async throws {
    let made = try await Self.make()
    let file = Documents.root.appending(path: "docs/commands.md")
    if Subprocess.inheritedEnvironment()["CERTD_WRITE_DOCS"] == "1" {
      try made.write(to: file, atomically: true, encoding: .utf8)
    }
    let committed = try String(contentsOf: file, encoding: .utf8)
    #expect(committed == made, "run CERTD_WRITE_DOCS=1 swift test --filter DocsTests")
  }

  private static func make() async throws -> String {
    let here = try TemporaryDirectory()
    var out = """
      # Commands

      Made of `certd help`; a command's `--help` says the same, and so does its manual page. Every command takes `--version` and `--help`.

      """
    var waiting = try await subcommands(of: "", here)
    while !waiting.isEmpty {
      let command = waiting.removeFirst()
      let help = try await here.shell("certd help \(command)").output
      out += "\n## `certd \(command)`\n\n```text\n\(help.trimmed)\n```\n"
      waiting = try await subcommands(of: command, here) + waiting
    }
    return out
  }

  /// The commands below one, in its own order.
  private static func subcommands(of command: String, _ here: TemporaryDirectory) async throws -> [String] {
    let help = try await here.shell("certd help \(command)").output
    let lines = help.split(separator: "\n", omittingEmptySubsequences: false)
    guard let start = lines.firstIndex(of: "SUBCOMMANDS:") else { return [] }
    return lines[(start + 1)...].prefix { !$0.isEmpty }.compactMap { line in
      guard line.hasPrefix("  "), line.dropFirst(2).first?.isWhitespace == false else { return nil }
      let name = line.dropFirst(2).prefix { !$0.isWhitespace }
      return command.isEmpty ? String(name) : "\(command) \(name)"
    }
  }
}

extension String {
  fileprivate var trimmed: String {
    split(separator: "\n", omittingEmptySubsequences: false)
      .map { String($0.reversed().drop { $0 == " " }.reversed()) }.joined(separator: "\n")
      .trimmingPrefix { $0.isNewline }.description
      .reversed().drop { $0.isNewline }.reversed().map(String.init).joined()
  }
}
