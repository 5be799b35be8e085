import Configuration
import OS
import Proxy
import Telemetry

// Files of keys, changed by `certd key` or by hand while we run.
extension Daemon {
  func tickForKeys() -> Task<Void, Never> {
    let post = post
    return Task {
      while !Task.isCancelled {
        try? await World.sleep(seconds: Self.keySeconds)
        post.yield(.watchKeys)
      }
    }
  }

  static var wallMilliseconds: UInt64 { UInt64(max(0, Clock.wallNanoseconds())) / 1_000_000 }

  /// Writes what keys have used, again and again.
  func keepUsage() -> Task<Void, Never> {
    Task {
      while !Task.isCancelled {
        try? await World.sleep(seconds: UsageFile.flushSeconds)
        if !plan.configuration.keyGroups.isEmpty { await flushUsage() }
      }
    }
  }

  func flushUsage() async {
    guard !plan.configuration.keyGroups.isEmpty, successor == nil else { return }
    let usage = usage
    _ = try? await apart { () throws(SetupError) in usage.flush(now: Self.wallMilliseconds) }
  }

  /// Puts changed files to use.
  func watchKeys() async {
    guard !plan.configuration.keyGroups.isEmpty else { return }
    let now = FileWatch(paths: KeyStore.files(plan.configuration))
    guard now != keyFiles else { return }
    keyFiles = now
    let lenience = Lenience(before: .init(plan.settings, plan.configuration))
    do throws(SetupError) {
      var settings = try await ProxySettings(
        configuration: plan.configuration, backends: backends, lenience: lenience, keys: keys
      ).make()
      Self.leaveUnwantedPort(
        &settings, plan.configuration, ours: plan.settings.listeners.map(\.address.description), nil)
      do throws(ProxyError) { try await proxy.apply(settings) } catch { throw .other("\(error)") }
      plan.settings = settings
      for problem in lenience.problems { log.error("file cannot be used", ["reason": .text(problem)]) }
      log.info("keys were read again")
      await offerKeys()
    } catch {
      // Tried again at the next look.
      keyFiles = FileWatch(paths: [])
      log.warn("files of keys changed but cannot be used", ["reason": .describing(error)])
    }
  }
}
