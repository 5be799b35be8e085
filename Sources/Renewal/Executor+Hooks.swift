import Bytes
import CertStore
import OS
import PKI

extension Executor {
  /// How long a deploy hook may take, in seconds.
  public static let hookTimeLimitSeconds: UInt32 = 300
  /// How much of a failed hook's output is reported, in bytes.
  static let maximumReportedOutputInBytes = 500

  /// Runs every hook in the queue, those of earlier runs as well. A task leaves the queue when it has
  /// succeeded or when another certificate is served by now.
  func runHooks(_ warnings: inout [String]) async -> [Report.Hook] {
    var hooks: [Report.Hook] = []
    do {
      for task in try store.deploys(now: environment.now()) {
        do {
          if let hook = try await run(task) { hooks.append(hook) }
        } catch { warnings.append("deploy hook of \(task.name): \(error)") }
      }
    } catch { warnings.append("\(error)") }
    return hooks
  }

  /// Runs one task under the certificate's lock, so that no other process runs it as well; nil when there is
  /// nothing to run.
  private func run(_ task: DeployTask) async throws -> Report.Hook? {
    guard let name = LineageName(task.name) else {
      try store.dequeue(task)
      return nil
    }
    // Busy: whoever holds it runs the queue when it has finished.
    guard let lock = try store.lock(name) else { return nil }
    defer { withExtendedLifetime(lock) {} }
    let now = environment.now()
    guard try store.deploys(now: now).contains(task) else { return nil }
    guard let served = store.load(lock, now: now), Hex.encode(served.chain.leaf.sha256) == task.leafSHA256
    else {
      try store.dequeue(task)
      return nil
    }
    var variables = environment.hookEnvironment
    variables["RENEWED_LINEAGE"] = served.directory
    variables["RENEWED_DOMAINS"] = task.domains.joined(separator: " ")
    let failure: String?
    do {
      failure = Self.failure(
        try await Subprocess.shell(
          task.command, environment: variables, timeLimitInSeconds: Self.hookTimeLimitSeconds))
    } catch { failure = "could not be started: \(error)" }
    if let failure {
      var again = task
      again.failures += 1
      again.lastError = failure
      try store.enqueue(again)
    } else {
      try store.dequeue(task)
    }
    return Report.Hook(name: task.name, command: task.command, failure: failure)
  }

  /// Why a command failed; nil when it did not.
  static func failure(_ outcome: Subprocess.Outcome) -> String? {
    let what: String
    switch outcome.ending {
    case .exited(0): return nil
    case .exited(let status): what = "exit status \(status)"
    case .signalled(let signal): what = "ended by signal \(signal)"
    case .timedOut: what = "killed after \(hookTimeLimitSeconds) s"
    }
    let output = String(decoding: outcome.output.suffix(maximumReportedOutputInBytes), as: UTF8.self)
    let text = output.split(whereSeparator: \.isNewline).joined(separator: " | ")
    return text.isEmpty ? what : "\(what): \(text)"
  }
}
