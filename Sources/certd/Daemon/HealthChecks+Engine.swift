import Configuration
import HTTP
import HTTPClient
import ModelAPI
import OS
import TLS
import Upstream

// What engines tell of themselves, asked beside each health check that passes.
extension HealthChecks {
  /// Takes in what the engine tells of itself, if it does.
  static func askEngine(
    _ service: Service, _ known: BackendRegistry.Known, _ context: ClientContext?, _ world: World
  ) async {
    guard var target = known.address else { return }
    let port = service.metrics.port ?? service.kind.metricsPort
    if let port, target.port != 0 { target.port = port }
    let before = known.status.inFlight
    for path in service.metrics.path.map({ [$0] }) ?? service.kind.metricsPaths {
      guard let url = url(path, service, known, port: target.port) else { return }
      var options = options(
        service, target, context, milliseconds: metricsMilliseconds, maximumBytes: maximumMetricsBytes)
      // Behind a port of their own metrics speak HTTP/1.1, and whoever listens there is shown no key of the engine.
      let isApart = port != nil && port != known.address?.port
      if isApart { options.http2 = false }
      let fields =
        isApart ? Fields([.init("User-Agent", "certd-health/\(Version.text)")]) : service.ownFields()
      guard let response = try? await world.client.send(Request("GET", url, fields: fields), options) else {
        return
      }
      guard response.status == 200 else { continue }
      let metrics = EngineMetrics(response.body)
      guard metrics.tellsAnything else { continue }
      known.status.engine.take(
        metrics, own: max(before, known.status.inFlight), nowMilliseconds: monotonicMilliseconds())
      return
    }
  }
}

extension ServiceKind {
  /// Where a kind tells of itself, if not where it answers requests.
  var metricsPort: UInt16? { self == .triton ? 8002 : nil }

  /// What is asked, in this order, until an answer tells something.
  var metricsPaths: [String] {
    self == .tensorRTLLM ? ["/prometheus/metrics", "/metrics"] : ["/metrics"]
  }
}

extension EngineMetrics {
  /// Whether there is anything in it.
  var tellsAnything: Bool {
    requests != nil || cacheTokens != nil || cacheUse != nil || cachedTokens != nil
  }
}

extension EngineState {
  /// The smallest cache that is believed, in tokens: no engine serves requests with less.
  static let leastCacheTokens = 4096

  /// Takes in what an engine tells of itself. `own`: how many of its requests are ours.
  func take(_ metrics: EngineMetrics, own: Int, nowMilliseconds: UInt64) {
    var figures = EngineReport.Figures()
    figures.running = metrics.running
    figures.waiting = metrics.waiting
    figures.cacheTokens = metrics.cacheTokens
    figures.cacheUse = metrics.cacheUse
    figures.cachedTokens = metrics.cachedTokens
    report.tell(figures, own: own, nowMilliseconds: nowMilliseconds)
    if let cacheTokens = metrics.cacheTokens, cacheTokens > 0 {
      index.follow(cacheTokens: max(cacheTokens, Self.leastCacheTokens))
    }
  }
}
