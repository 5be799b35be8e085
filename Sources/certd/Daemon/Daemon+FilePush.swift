import Configuration
import GCP
import PKI
import Renewal
import Telemetry

// Certificates from files that load balancers present: nobody's renewal queues them, so that they are pushed at start
// and whenever they change, until it has worked.
extension Daemon {
  /// Begins to push what the configuration's files have for load balancers; a push that is under way gives way.
  func pushFiles() {
    filePush?.cancel()
    filePush = nil
    let (configuration, store, world, log) = (plan.configuration, store, world, log)
    let names = GoogleCloud.namedFiles(configuration).keys.filter { GoogleCloud.takes($0, configuration) }
    guard !names.isEmpty else { return }
    filePush = Task {
      var failures = 0
      while !Task.isCancelled {
        let failure: String
        do throws(SetupError) {
          let report = try await GoogleCloud.push(Set(names), configuration, store, world) {
            log.warn("google cloud", ["reason": .text($0)])
          }
          let failed = report.targets.compactMap { entry in entry.failure.map { "\(entry.target): \($0)" } }
          if failed.isEmpty {
            let changed = report.targets.filter { if case .changed = $0.outcome { true } else { false } }
            for entry in changed {
              log.info("certificates from files pushed", ["target": .text("\(entry.target)")])
            }
            return
          }
          failure = failed.joined(separator: "; ")
        } catch { failure = error.description }
        failures += 1
        log.error("certificates from files could not be pushed", ["reason": .text(failure)])
        let next = Policy.deployBackoff(failures: failures, random: World.random())
        try? await World.sleep(seconds: Double(next))
      }
    }
  }
}
