import FoundationEssentials
import OS

/// The documents that users read, and the code blocks in them.
enum Documents {
  /// The root of the source tree.
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  struct Block: Sendable, CustomStringConvertible {
    let document: String
    let line: Int
    let text: String
    var description: String { "\(document):\(line)" }
  }

  /// The fenced blocks of a language, in README.md and docs/.
  static func blocks(_ language: String) -> [Block] {
    let names = [
      "README.md", "docs/guide.md", "docs/services.md", "docs/tls.md", "docs/architecture.md",
      "docs/configuration.md",
      "docs/gcp.md", "docs/gcp-load-balancer.md", "certs/README.md",
    ]
    return names.flatMap { name -> [Block] in
      let text = (try? String(contentsOf: root.appending(path: name), encoding: .utf8)) ?? ""
      var found: [Block] = []
      var current: [String]?
      var start = 0
      for (number, line) in text.components(separatedBy: "\n").enumerated() {
        if let lines = current {
          if line == "```" {
            found.append(Block(document: name, line: start, text: lines.joined(separator: "\n") + "\n"))
            current = nil
          } else {
            current = lines + [line]
          }
        } else if line == "```\(language)" {
          current = []
          start = number + 2
        }
      }
      return found
    }
  }

  /// The commands of a language's blocks, continued lines joined.
  static func commands(_ language: String) -> [Block] {
    blocks(language).flatMap { block in
      block.text.replacing("\\\n", with: " ").components(separatedBy: "\n")
        .filter { !$0.isEmpty }
        .map { Block(document: block.document, line: block.line, text: $0) }
    }
  }

  /// The program that was built together with the tests.
  static let program: String = {
    let executable = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return URL(filePath: executable).deletingLastPathComponent().appending(path: "certd").path
  }()
}

/// A directory for one test, removed at its end.
final class TemporaryDirectory: Sendable {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory.appending(path: "certd-docs-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ name: String, _ content: String) throws {
    try content.write(toFile: "\(path)/\(name)", atomically: true, encoding: .utf8)
  }

  /// Runs a shell command here, with `certd` on the path; its exit status and everything that it printed.
  func shell(_ command: String) async throws -> (status: Int32?, output: String) {
    var environment = Subprocess.inheritedEnvironment()
    let directory = URL(filePath: Documents.program).deletingLastPathComponent().path
    environment["PATH"] = "\(directory):\(environment["PATH"] ?? "/usr/bin:/bin")"
    let outcome = try await Subprocess.shell(
      "cd '\(path)' && { \(command)\n}", environment: environment, timeLimitInSeconds: 60)
    let output = String(decoding: outcome.output, as: UTF8.self)
    if case .exited(let status) = outcome.ending { return (status, output) }
    return (nil, output)
  }
}
