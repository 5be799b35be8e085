import Upstream

/// What an engine tells of itself in Prometheus' text format: how much its prefix cache holds, and what it has to do. Pure.
///
/// It corrects what is known without it, and is never all that is known: an engine that tells nothing is balanced as well.
struct EngineMetrics: Equatable {
  /// Tokens that its cache holds; nil when it does not tell.
  var cacheTokens: Int?
  /// Requests under way or waiting in it, whoever sent them; nil when it does not tell.
  var requests: Int?

  /// Names of the gauges that are requests, by engine.
  private static let requestGauges: Set<Substring> = [
    "vllm:num_requests_running", "vllm:num_requests_waiting", "sglang:num_running_reqs",
    "sglang:num_queue_reqs",
    "tgi_queue_size", "tgi_batch_current_size", "llamacpp:requests_processing", "llamacpp:requests_deferred",
    "trtllm_num_requests_running", "trtllm_num_requests_waiting",
  ]

  /// Reads an answer; what is not understood is passed over. Several engines behind one address count together.
  init(_ body: [UInt8]) {
    for line in String(decoding: body, as: UTF8.self).split(whereSeparator: \.isNewline) {
      guard !line.hasPrefix("#"), let end = line.firstIndex(where: { $0 == "{" || $0 == " " }) else {
        continue
      }
      let name = line[..<end]
      // Behind the labels; a time may follow.
      let rest = line[end] == "{" ? line[(line.lastIndex(of: "}") ?? end)...].dropFirst() : line[end...]
      guard let value = rest.split(separator: " ").first.flatMap({ Double($0) }) else { continue }
      switch name {
      case "vllm:cache_config_info":
        guard let size = Self.label("block_size", line), let blocks = Self.label("num_gpu_blocks", line)
        else {
          continue
        }
        add(Double(size) * Double(blocks), to: \.cacheTokens)
      case "sglang:max_total_num_tokens": add(value, to: \.cacheTokens)
      case _ where Self.requestGauges.contains(name): add(value, to: \.requests)
      default: continue
      }
    }
  }

  private mutating func add(_ value: Double, to field: WritableKeyPath<EngineMetrics, Int?>) {
    guard value.isFinite, value >= 0 else { return }
    self[keyPath: field] = (self[keyPath: field] ?? 0) + Int(min(value, 1e12))
  }

  private static func label(_ name: String, _ line: Substring) -> Int? {
    guard let found = line.range(of: "\(name)=\"") else { return nil }
    return Int(line[found.upperBound...].prefix { $0 != "\"" })
  }

  /// Tells the workers. `own`: how many of the requests are ours.
  func tell(_ engine: EngineState, own: Int) {
    if let cacheTokens, cacheTokens > 0 { engine.index.follow(cacheTokens: cacheTokens) }
    if let requests { engine.others = max(0, requests - own) }
  }
}

extension Substring {
  fileprivate func range(of text: String) -> Range<Index>? {
    var at = startIndex
    while at < endIndex {
      if self[at...].hasPrefix(text) { return at..<index(at, offsetBy: text.count) }
      formIndex(after: &at)
    }
    return nil
  }
}
