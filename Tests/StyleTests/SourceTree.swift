import Glibc

/// A text file of the project.
struct SourceFile: Sendable, CustomStringConvertible {
  /// Its path from the project's root.
  let path: String
  let text: String

  var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
  /// Lines as an editor counts them.
  var lineCount: Int { text.hasSuffix("\n") ? lines.count - 1 : lines.count }
  /// The module, for a file under `Sources`.
  var module: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }
  var description: String { path }
}

/// The project's files, read from where this file was compiled.
enum SourceTree {
  static let root = String(#filePath.dropLast("/Tests/StyleTests/SourceTree.swift".count))

  /// Everything that is kept in the project: not what builds and runs leave behind.
  static let all: [SourceFile] = files("").sorted { $0.path < $1.path }
  static let sources = all.filter { $0.path.hasPrefix("Sources/") && $0.path.hasSuffix(".swift") }
  /// The code of the sources and the tests, scrubbed once.
  static let code = (sources + tests).map { ($0, Scrubbed($0.text)) }
  static let tests = all.filter { $0.path.hasPrefix("Tests/") && $0.path.hasSuffix(".swift") }

  private static let keptHidden: Set<String> = [".ci", ".swift-format", ".gitignore", ".dockerignore"]
  private static let maximumBytes = 1 << 20

  private static func files(_ path: String) -> [SourceFile] {
    guard let directory = opendir(path.isEmpty ? root : "\(root)/\(path)") else { return [] }
    defer { closedir(directory) }
    var found: [SourceFile] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { raw in
        String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard !name.hasPrefix(".") || keptHidden.contains(name) else { continue }
      let inner = path.isEmpty ? name : "\(path)/\(name)"
      switch Int32(entry.pointee.d_type) {
      case Int32(DT_DIR): if inner != "certs" { found += files(inner) }
      case Int32(DT_REG): if let text = read(inner) { found.append(SourceFile(path: inner, text: text)) }
      default: break
      }
    }
    return found
  }

  /// A file's text; nil when it is binary or too large to have been written by hand.
  private static func read(_ path: String) -> String? {
    guard let file = fopen("\(root)/\(path)", "r") else { return nil }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: maximumBytes)
    let count = fread(&bytes, 1, bytes.count, file)
    guard count < maximumBytes else { return nil }
    return String(validating: bytes.prefix(count), as: UTF8.self)
  }
}
