import ArgumentParser

/// The exit codes, as documented in `certd --help`.
enum ExitStatus {
  /// Something failed.
  static let failed = ExitCode(1)
  /// The configuration is not valid.
  static let configuration = ExitCode(2)
  /// `renew --detailed-exit-code`: something was renewed.
  static let renewed = ExitCode(3)
  /// `renew --detailed-exit-code`: renewed, but a deployment failed.
  static let deployFailed = ExitCode(4)
}
