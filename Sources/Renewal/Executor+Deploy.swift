import Bytes
import CertStore
package import OS
import PKI

/// What became of a push.
public enum Pushed: Sendable, Equatable {
  /// What was to be pushed is where it shall be.
  case done
  /// Nothing is to be pushed, and why.
  case nothing(String)
  /// Why it failed.
  case failed(String)
}

extension Executor {
  /// How much of a failed command's output is reported, in bytes.
  static let maximumReportedOutputInBytes = 500
  /// How long `systemctl` may take, in seconds.
  static let reloadTimeLimitSeconds: UInt32 = 90

  /// Works through the queue, tasks of earlier runs as well. A task leaves it when it has succeeded or when another
  /// certificate is served by now. One that failed is left until its time has come, unless `evenIfEarly`.
  func deploy(
    _ store: CertStore, _ managed: [ManagedCertificate], evenIfEarly: Bool, _ report: inout Report
  ) async -> [Report.Deploy] {
    var done: [Report.Deploy] = []
    do {
      try follow(managed, store)
      for task in try store.deploys(now: environment.now()) {
        if !evenIfEarly, let next = task.nextAttemptAt, next > environment.now(),
          next < environment.now() + Policy.longestRetryAfterSeconds
        {
          report.nextWakeAt = min(report.nextWakeAt, next)
          continue
        }
        do {
          guard let deploy = try await carryOut(task, store) else { continue }
          done.append(deploy)
          if let next = deploy.nextAttemptAt { report.nextWakeAt = min(report.nextWakeAt, next) }
        } catch { report.warnings.append("\(task.action.summary) of \(task.name): \(error)") }
      }
    } catch { report.warnings.append("\(error)") }
    return done
  }

  /// What the configuration does not name any more is not carried out; what stands in its place now is.
  private func follow(_ managed: [ManagedCertificate], _ store: CertStore) throws(StoreError) {
    let now = environment.now()
    let tasks = try store.deploys(now: now)
    for wanted in managed {
      let queued = tasks.filter { $0.name == wanted.name.description }
      for task in queued where !wanted.deploys.contains(task.action) {
        let place = task.position ?? .max
        if wanted.deploys.indices.contains(place),
          let next = task.replaced(by: wanted.deploys[place], now: now),
          !queued.contains(where: { $0.id == next.id })
        {
          try store.enqueue(next)
        }
        try store.dequeue(task)
      }
    }
  }

  /// Carries one task out under the certificate's lock, so that no other process does as well; nil when there is
  /// nothing to do.
  private func carryOut(_ task: DeployTask, _ store: CertStore) async throws -> Report.Deploy? {
    guard let name = LineageName(task.name) else {
      try store.dequeue(task)
      return nil
    }
    if case .googleCloud = task.action, environment.pushToGoogleCloud == nil { return nil }
    // Busy: whoever holds it works through the queue when it has finished.
    guard let lock = try store.lock(name) else { return nil }
    defer { withExtendedLifetime(lock) {} }
    let now = environment.now()
    guard try store.deploys(now: now).contains(task) else { return nil }
    guard let served = try store.loadOrFail(lock, now: now),
      Hex.encode(served.chain.leaf.sha256) == task.leafSHA256
    else {
      try store.dequeue(task)
      return nil
    }
    let failure: String
    switch await perform(task, served) {
    case .failed(let why): failure = why
    case let done:
      try store.dequeue(task)
      var report = Report.Deploy(
        name: task.name, what: task.action.summary, failure: nil, nextAttemptAt: nil)
      if case .nothing(let why) = done { report.whyNothing = why }
      return report
    }
    var again = task
    again.failures += 1
    again.lastError = failure
    again.nextAttemptAt =
      environment.now() + Policy.deployBackoff(failures: again.failures, random: environment.random())
    try store.enqueue(again)
    return Report.Deploy(
      name: task.name, what: task.action.summary, failure: failure, nextAttemptAt: again.nextAttemptAt)
  }

  private func perform(_ task: DeployTask, _ served: StoredCertificate) async -> Pushed {
    if case .googleCloud = task.action { return await environment.pushToGoogleCloud?(served) ?? .done }
    if case .destination(let place) = task.action {
      return await environment.deliver?(served, place) ?? .failed("nobody delivers here")
    }
    return await failure(of: task, served).map { .failed($0) } ?? .done
  }

  /// Why it failed; nil when it is done.
  private func failure(of task: DeployTask, _ served: StoredCertificate) async -> String? {
    switch task.action {
    case .command(let text, let limit), .commandOnce(let text, let limit):
      return await shell(text, variables(task, served), limit)
    case .copy(let files):
      do {
        try files.write(served)
        return nil
      } catch { return "\(error)" }
    case .reload(let unit):
      // By the environment, so that no unit's name is ever read as shell.
      var variables = environment.hookEnvironment
      variables["CERTD_UNIT"] = unit
      return await shell(
        #"exec systemctl reload-or-restart -- "$CERTD_UNIT""#, variables, Self.reloadTimeLimitSeconds)
    case .googleCloud, .destination: return nil
    case .proof(let host, let port): return await environment.prove?(served, host, port)
    }
  }

  /// What a hook is told: certbot's variables, and the same with more in ours.
  private func variables(_ task: DeployTask, _ served: StoredCertificate) -> [String: String] {
    var variables = environment.hookEnvironment
    variables["RENEWED_LINEAGE"] = served.directory
    variables["RENEWED_DOMAINS"] = task.domains.joined(separator: " ")
    variables["CERTD_NAME"] = task.name
    variables["CERTD_LINEAGE"] = served.directory
    variables["CERTD_DOMAINS"] = task.domains.joined(separator: " ")
    variables["CERTD_GENERATION"] = "\(served.generation)"
    variables["CERTD_NOT_AFTER"] = "\(served.chain.leaf.notAfter)"
    variables["CERTD_FINGERPRINT"] = task.leafSHA256
    return variables
  }

  private func shell(_ command: String, _ variables: [String: String], _ limit: UInt32) async -> String? {
    do {
      return Self.failure(
        try await Subprocess.shell(command, environment: variables, timeLimitInSeconds: limit), limit)
    } catch { return "could not be started: \(error)" }
  }

  /// Why a command failed; nil when it did not.
  package static func failure(_ outcome: Subprocess.Outcome, _ limit: UInt32) -> String? {
    let what: String
    switch outcome.ending {
    case .exited(0): return nil
    case .exited(let status): what = "exit status \(status)"
    case .signalled(let signal): what = "ended by signal \(signal)"
    case .timedOut: what = "killed after \(limit) s"
    }
    let output = String(decoding: outcome.output.suffix(maximumReportedOutputInBytes), as: UTF8.self)
    let text = output.split(whereSeparator: \.isNewline).joined(separator: " | ")
    return text.isEmpty ? what : "\(what): \(text)"
  }
}
