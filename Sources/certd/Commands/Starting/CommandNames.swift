import ArgumentParser
import Configuration

/// What is said about a command that does not exist: the parser would only show its usage.
enum CommandNames {
  /// The line that tells, or nil where every word that should be a command is one.
  static func complaint(_ arguments: some Sequence<String>) -> String? {
    var command: any ParsableCommand.Type = Certd.self
    var path = "certd"
    for word in arguments {
      let subcommands = command.configuration.subcommands
      guard !subcommands.isEmpty, !word.hasPrefix("-") else { return nil }
      if path == "certd", word == "help" { continue }
      let names = subcommands.compactMap { $0.configuration.commandName }
      guard let next = subcommands.first(where: { $0.configuration.commandName == word }) else {
        let hint = Nearest.hint(for: word, among: names).map { " \($0)" } ?? ""
        return "there is no command '\(path) \(word)';\(hint) '\(path) --help' lists them all"
      }
      command = next
      path += " \(word)"
    }
    return nil
  }
}
