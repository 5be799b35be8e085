internal import Proxy
internal import Upstream

// Where engines tell of themselves.
extension Configuration {
  static func readMetrics(_ section: Section) -> EngineMetricsPlace {
    var place = EngineMetricsPlace()
    section.fill(&place)
    place.path = section.text("path") { text throws(Invalid) in
      guard case .exact(let path) = try Settings.PathMatch.parse(text) else {
        throw Invalid("\(quoted(text)) is a pattern", "engines are asked for one path")
      }
      return path
    }
    return place
  }

  static func readHedging(_ service: Section) -> Settings.Hedging? {
    guard let section = service.sectionOrSwitch("hedging") else { return nil }
    var hedging: Settings.Hedging = section.settings()
    hedging.after = section.text("after", Settings.Hedging.after) ?? nil
    if service.has("max_requests_per_backend") {
      service.report.error(
        section.origin, "nobody is asked twice where requests wait for room",
        "remove it, or max_requests_per_backend")
    }
    return hedging
  }

  static func readCacheEvents(_ service: Section) -> CacheEventPlace? {
    let section = service.section("kv_events")
    var place = CacheEventPlace()
    section.fill(&place)
    place.topic = section.text("topic", CacheEventPlace.topic) ?? ""
    return service.has("kv_events") ? place : nil
  }
}

extension Settings.Hedging {
  /// How long an answer may be waited for, in milliseconds.
  private static let span: ClosedRange<Int64> = 1...600_000

  static func after(_ text: String) throws(Invalid) -> Milliseconds? {
    if text == "expected" { return nil }
    let duration = try DurationText.parse(text)
    guard span.contains(duration.wholeMilliseconds) else {
      throw Invalid("\(quoted(text)) is out of range", "write expected, or a duration from 1ms to 10m")
    }
    return Milliseconds(UInt64(duration.wholeMilliseconds))
  }
}

extension CacheEventPlace {
  /// The longest topic, in bytes.
  private static let maximumTopic = 254

  static func topic(_ text: String) throws(Invalid) -> String {
    guard text.utf8.count <= maximumTopic else {
      throw Invalid("is longer than \(maximumTopic) bytes", "topics begin with a short word, if any")
    }
    return text
  }

  static func parse(_ text: String) throws(Invalid) -> CacheEventPlace {
    let form = "write tcp://HOST:PORT, what vLLM is told as endpoint with its host in place of *"
    guard text.hasPrefix("tcp://") else {
      throw Invalid("\(quoted(text)) is no address of a publisher", form)
    }
    let rest = String(text.dropFirst("tcp://".count))
    guard !rest.hasPrefix("*"), case .tcp(let host, let port)? = try? BackendText.server(rest) else {
      throw Invalid("\(quoted(text)) has no host with a port", form)
    }
    var place = CacheEventPlace()
    place.host = host
    place.port = port
    return place
  }
}
