/// Collects what is wrong with one file while it is read to its end.
final class Report {
  let file: String
  /// Directory that relative paths of the file start from.
  let baseDirectory: String
  private var errors: Set<ConfigurationError> = []
  private var warnings: Set<ConfigurationError> = []

  init(file: String, baseDirectory: String) {
    self.file = file
    self.baseDirectory = baseDirectory
  }

  func error(_ origin: Origin, _ message: String, _ hint: String? = nil) {
    errors.insert(made(origin, message, hint))
  }

  func error(_ origin: Origin, _ invalid: Invalid) { error(origin, invalid.message, invalid.hint) }

  func add(_ found: [ConfigurationError]) { errors.formUnion(found) }

  func warning(_ origin: Origin, _ message: String, _ hint: String? = nil) {
    warnings.insert(made(origin, message, hint))
  }

  private func made(_ origin: Origin, _ message: String, _ hint: String?) -> ConfigurationError {
    ConfigurationError(
      file: file, position: origin.position, path: origin.path, message: message, hint: hint)
  }

  var hasErrors: Bool { !errors.isEmpty }

  var sortedWarnings: [ConfigurationError] { Self.sorted(warnings) }

  var failure: ConfigurationErrors {
    let all = Self.sorted(errors)
    let told = Array(all.prefix(ConfigurationErrors.maximumCount))
    return ConfigurationErrors(errors: told, omitted: all.count - told.count)
  }

  private static func sorted(_ found: Set<ConfigurationError>) -> [ConfigurationError] {
    found.sorted { ($0.line, $0.column, $0.path, $0.message) < ($1.line, $1.column, $1.path, $1.message) }
  }

  /// An absolute path: as it is, or below the file's directory.
  func resolved(_ path: String) -> String {
    if path.hasPrefix("/") { return path }
    var rest = Substring(path)
    while rest.hasPrefix("./") { rest = rest.dropFirst(2) }
    return baseDirectory.hasSuffix("/") ? "\(baseDirectory)\(rest)" : "\(baseDirectory)/\(rest)"
  }
}
