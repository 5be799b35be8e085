import Configuration
import OS
import Proxy
import Telemetry
import Upstream

// What is known of backends, and what engines tell of themselves.
extension Daemon {
  private typealias Sample = MetricsText.Sample

  private typealias Row = (service: String, backend: String, one: BackendRegistry.Known)

  func backends(_ out: inout MetricsText) async {
    let configuration = plan.configuration
    var known: [Row] = []
    for (service, candidates) in zip(configuration.services, await backends.candidates(configuration)) {
      for (backend, ofBackend) in zip(service.backends, candidates) {
        for one in ofBackend { known.append((service.name, "\(backend.address)", one)) }
      }
    }
    func samples(_ value: (BackendRegistry.Known) -> Int) -> [Sample] {
      known.map { Sample(Self.labels($0), Double(value($0.one))) }
    }
    let now = Clock.monotonicNanoseconds() / 1_000_000
    out.family(
      "certd_backend_resolved", .gauge,
      "Whether a backend has this address; 0 without one while its name leads nowhere.",
      samples { $0.address == nil ? 0 : 1 })
    out.family(
      "certd_backend_healthy", .gauge, "Whether health checks let a backend get requests.",
      samples { $0.status.checkedHealth == .unhealthy ? 0 : 1 })
    out.family(
      "certd_backend_drained", .gauge, "Whether an operator has taken a backend out.",
      samples { $0.status.isDrained ? 1 : 0 })
    out.family(
      "certd_backend_ejected", .gauge, "Whether a backend is spared for a while because answers failed.",
      samples { $0.status.isEjected(nowMilliseconds: now) ? 1 : 0 })
    out.family(
      "certd_backend_requests", .gauge, "Requests under way at a backend.", samples(\.status.inFlight))
    out.family(
      "certd_backend_connections", .gauge, "Connections open to a backend.", samples(\.status.connections))
    engines(&out, known, now)
    cacheEvents(&out, known.filter { $0.one.status.engine.cache.counts != CacheEvents.Counts() })
  }

  private static func labels(_ row: Row) -> MetricsText.Labels {
    ["service": row.service, "backend": row.backend, "address": row.one.address?.description ?? ""]
  }

  /// Of engines that are listened to, or have been.
  private func cacheEvents(_ out: inout MetricsText, _ known: [Row]) {
    func samples(_ value: (CacheEvents.Counts) -> Int) -> [Sample] {
      known.map { Sample(Self.labels($0), Double(value($0.one.status.engine.cache.counts))) }
    }
    out.family(
      "certd_engine_cache_events_connected", .gauge, "Whether an engine's cache is listened to at present.",
      samples { $0.isConnected ? 1 : 0 })
    out.family(
      "certd_engine_cache_events_total", .counter, "What engines have told of changes of their caches.",
      samples(\.events))
    out.family(
      "certd_engine_cache_event_gaps_total", .counter,
      "Times at which something was missed of it, so that estimates hold alone for what was known.",
      samples(\.gaps))
    out.family(
      "certd_engine_cache_followed_blocks", .gauge,
      "Blocks of engines' caches that are joined with prompts.", samples(\.blocks))
  }

  /// What engines have told of themselves of late; those that tell nothing have no samples.
  private func engines(_ out: inout MetricsText, _ known: [Row], _ now: UInt64) {
    let told = known.map { ($0, $0.one.status.engine.report.figures(nowMilliseconds: now)) }
    func samples(_ value: (EngineReport.Figures) -> Double?) -> [Sample] {
      told.compactMap { row, figures in value(figures).map { Sample(Self.labels(row), $0) } }
    }
    func states(_ row: Row, _ figures: EngineReport.Figures) -> [Sample] {
      [("running", figures.running), ("waiting", figures.waiting)].compactMap { state, count in
        count.map {
          Sample(
            [
              "service": row.service, "backend": row.backend, "address": row.one.address?.description ?? "",
              "state": state,
            ], Double($0))
        }
      }
    }
    out.family(
      "certd_engine_requests", .gauge, "Requests in an engine, whoever sent them, as it tells.",
      told.flatMap { states($0.0, $0.1) })
    out.family(
      "certd_engine_cache_tokens", .gauge, "Tokens that an engine's cache holds, as it tells.",
      samples { $0.cacheTokens.map(Double.init) })
    out.family(
      "certd_engine_cache_usage_ratio", .gauge, "How much of an engine's cache is in use, as it tells.",
      samples(\.cacheUse))
    out.family(
      "certd_engine_cached_tokens_total", .counter,
      "Tokens of prompts that an engine has found in its cache, as it tells.",
      samples { $0.cachedTokens.map(Double.init) })
  }
}
