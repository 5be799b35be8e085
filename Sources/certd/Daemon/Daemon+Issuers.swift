import Configuration
import Renewal
import Telemetry

// Issuers that chains in files lack and that are to be fetched.
extension Daemon {
  /// Begins to fetch what is missing, until it is there; a fetch that is under way gives way.
  func fetchIssuers() {
    issuerFetch?.cancel()
    issuerFetch = nil
    let (fetch, log, post) = (IssuerFetch(configuration: plan.configuration, world: world), log, post)
    guard !fetch.files.isEmpty else { return }
    issuerFetch = Task {
      var failures = 0
      while !Task.isCancelled {
        let outcome = await fetch.run()
        for file in outcome.completed {
          log.info("missing intermediates fetched", ["file": .text(file)])
        }
        if !outcome.completed.isEmpty { post.yield(.issuersFetched) }
        if outcome.failed.isEmpty { return }
        for one in outcome.failed {
          log.warn(
            "missing intermediates", ["file": .text(one.file), "reason": .text(one.reason)])
        }
        failures += 1
        let next = Policy.deployBackoff(failures: failures, random: World.random())
        try? await World.sleep(seconds: Double(next))
      }
    }
  }

  /// Chains are longer by now.
  func issuersFetched() async {
    let (configuration, known) = (plan.configuration, plan.fileCredentials)
    let fresh = try? await apart { () throws(SetupError) in Credentials.load(configuration, known: known) }
    guard let fresh else { return }
    (plan.fileCredentials, plan.broken) = (fresh.credentials, fresh.broken.map(\.file))
    await presentStore()
    pushFiles()
    post.yield(.judge)
  }
}
