/// Collects what is wrong with one file while it is read to its end.
final class Report {
  let file: String
  /// Directory that relative paths of the file start from.
  let baseDirectory: String
  /// The keys that a file may have.
  let keys: KeyTable
  /// What backends of services have been recognised as, for those whose kind is `auto`.
  let recognized: [String: ServiceKind]
  private var errors: Set<ConfigurationError> = []
  private var warnings: Set<ConfigurationError> = []

  init(
    file: String, baseDirectory: String, keys: KeyTable = .certd, recognized: [String: ServiceKind] = [:]
  ) {
    self.recognized = recognized
    self.keys = keys
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
      file: origin.position.file ?? file, position: origin.position, path: origin.path, message: message,
      hint: hint)
  }

  var hasErrors: Bool { !errors.isEmpty }

  var sortedWarnings: [ConfigurationError] { sorted(warnings) }

  var failure: ConfigurationErrors {
    let all = sorted(errors)
    let told = Array(all.prefix(ConfigurationErrors.maximumCount))
    return ConfigurationErrors(errors: told, omitted: all.count - told.count)
  }

  /// The file's own before those of files that it includes.
  private func sorted(_ found: Set<ConfigurationError>) -> [ConfigurationError] {
    func place(_ error: ConfigurationError) -> String { error.file == file ? "" : error.file }
    return found.sorted { a, b in
      (place(a), a.line, a.column, a.path, a.message) < (place(b), b.line, b.column, b.path, b.message)
    }
  }

  /// An absolute path: as it is, or below the file's directory.
  func resolved(_ path: String) -> String {
    if path.hasPrefix("/") { return path }
    var rest = Substring(path)
    while rest.hasPrefix("./") { rest = rest.dropFirst(2) }
    return baseDirectory.hasSuffix("/") ? "\(baseDirectory)\(rest)" : "\(baseDirectory)/\(rest)"
  }
}
