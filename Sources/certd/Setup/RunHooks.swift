import Configuration
import OS
import Renewal

/// Commands that are run once around all orders of a run, as certbot has them.
struct RunHooks: Sendable {
  private let before: [String]
  private let after: [String]
  private let warn: @Sendable (String) -> Void

  /// How long one command may take, in seconds.
  static let timeLimitSeconds: UInt32 = 300

  init(_ acme: ACMESettings, _ warn: @escaping @Sendable (String) -> Void) {
    (before, after, self.warn) = (acme.preHooks, acme.postHooks, warn)
  }

  /// Before anything is ordered.
  func begin() async { await run("acme.pre_hooks", before) }

  /// When everything has ended.
  func end() async { await run("acme.post_hooks", after) }

  /// In their order; one that fails stops nothing.
  private func run(_ key: String, _ commands: [String]) async {
    for (index, command) in commands.enumerated() {
      var why: String?
      do {
        why = Executor.failure(
          try await Subprocess.shell(
            command, environment: Subprocess.inheritedEnvironment(),
            timeLimitInSeconds: Self.timeLimitSeconds), Self.timeLimitSeconds)
      } catch { why = "could not be started: \(error)" }
      if let why { warn("\(key)[\(index)]: \(why)") }
    }
  }
}
