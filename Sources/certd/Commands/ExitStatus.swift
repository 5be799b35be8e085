import ArgumentParser

/// The exit codes, as documented in `certd --help`.
enum ExitStatus {
  /// Something failed.
  static let failed = ExitCode(1)
  /// The configuration is not valid.
  static let configuration = ExitCode(2)
}
