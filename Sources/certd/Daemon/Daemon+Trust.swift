import Configuration
import OS
import Proxy
import Telemetry

// Authorities, revocation lists and certificates towards backends, replaced by somebody else while we run.
extension Daemon {
  /// Puts changed files to use. What cannot be used yet changes nothing and is tried again at the next look: files
  /// that belong together are replaced one by one.
  func watchTrust() async {
    let security = ListenerSecurity(configuration: plan.configuration)
    let now = FileWatch(paths: security.files())
    guard now != trust else { return }
    let isNews = now != refusedTrust
    refusedTrust = now
    let lenience = Lenience(before: .init(plan.settings, plan.configuration))
    do throws(SetupError) {
      var settings = try await ProxySettings(
        configuration: plan.configuration, backends: backends, lenience: lenience, keys: keys
      ).make()
      guard isNews || lenience.problems.isEmpty else { return }
      Self.leaveUnwantedPort(
        &settings, plan.configuration, ours: plan.settings.listeners.map(\.address.description), nil)
      do throws(ProxyError) { try await proxy.apply(settings) } catch { throw .other("\(error)") }
      (plan.settings, plan.problems) = (settings, lenience.problems)
      // Checks trust whom requests trust, and show what they show.
      let candidates = await backends.candidates(plan.configuration)
      health.start(plan.configuration, settings, candidates, backends, world, log)
      guard lenience.problems.isEmpty else {
        for problem in lenience.problems {
          log.warn("files changed but cannot be used", ["reason": .text(problem)])
        }
        return
      }
      trust = now
      refusedTrust = nil
      log.info("authorities, revocation lists, keys or certificates for backends were replaced")
      warnOfTrust(security)
    } catch {
      guard isNews else { return }
      log.warn("files changed but cannot be used; the old ones go on", ["reason": .describing(error)])
    }
  }

  /// Tells what will refuse clients.
  func warnOfTrust(_ security: ListenerSecurity) {
    for warning in security.warnings() { log.warn("clients' certificates", ["warning": .text(warning)]) }
  }
}
