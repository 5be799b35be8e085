/// What an engine tells of itself: in Prometheus' text format, or, as TensorRT-LLM's server does, in JSON. Pure.
///
/// It corrects what is known without it, and is never all that is known: an engine that tells nothing is balanced as well.
/// Several engines behind one address count together.
public struct EngineMetrics: Equatable, Sendable {
  /// Requests that it works on, whoever sent them; nil when it does not tell.
  public private(set) var running: Int?
  /// Requests that wait in it; nil when it does not tell.
  public private(set) var waiting: Int?
  /// Tokens that its cache holds; nil when it does not tell.
  public private(set) var cacheTokens: Int?
  /// How much of its cache is in use, from 0 to 1; nil when it does not tell.
  public private(set) var cacheUse: Double?
  /// Tokens of prompts that it has found in its cache since it began; nil when it does not tell.
  public private(set) var cachedTokens: Int?

  /// Requests under way or waiting in it; nil when it tells of neither.
  public var requests: Int? {
    running == nil && waiting == nil ? nil : (running ?? 0) + (waiting ?? 0)
  }

  /// The largest figure that is believed; what is larger counts as that.
  public static let largestFigure = 1_000_000_000_000
  /// The longest line that is looked at, in bytes.
  public static let maximumLine = 4096
  /// The longest answer in JSON for one step of an engine that is looked at, in bytes.
  public static let maximumStep = 64 << 10

  /// Reads an answer; what is not understood is passed over.
  public init(_ body: [UInt8]) {
    var sums = EngineSums()
    if let first = body.first(where: { $0 != 0x20 && $0 != 0x0A && $0 != 0x0D && $0 != 0x09 }),
      first == UInt8(ascii: "[") || first == UInt8(ascii: "{")
    {
      sums.take(step: EngineStep.last(body))
    } else {
      for line in body.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D })
      where line.count <= Self.maximumLine {
        guard let sample = MetricLine(line) else { continue }
        sums.take(sample)
      }
    }
    running = sums.running
    waiting = sums[.waiting].map(Self.whole) ?? sums.pending
    cacheTokens = sums.cacheTokens
    cacheUse = sums.cacheUse
    cachedTokens = sums.cachedTokens
  }

  static func whole(_ value: Double) -> Int { Int(min(max(value, 0), Double(largestFigure))) }
}

/// What a figure of an engine means.
enum EngineFigure: Int, CaseIterable {
  case running
  /// Running or waiting, of an engine that may not say which.
  case active
  case waiting
  /// Waiting in a server for whatever engine there is.
  case pending
  case cacheTokens
  case blocks
  case blockTokens
  case usedBlocks
  case cacheUse
  case cachedTokens
  case cachedBlocks

  /// The figures by the names that engines have for them.
  private static let names: [String: EngineFigure] = [
    "vllm:num_requests_running": .running,
    "vllm:num_requests_waiting": .waiting,
    "vllm:kv_cache_usage_perc": .cacheUse,
    "vllm:gpu_cache_usage_perc": .cacheUse,
    "vllm:prefix_cache_hits_total": .cachedTokens,
    "vllm:prefix_cache_hits": .cachedTokens,
    "sglang:num_running_reqs": .running,
    "sglang:num_queue_reqs": .waiting,
    "sglang:token_usage": .cacheUse,
    "sglang:max_total_num_tokens": .cacheTokens,
    "sglang:num_pages": .blocks,
    "sglang:page_size": .blockTokens,
    "sglang:cached_tokens_total": .cachedTokens,
    "tgi_batch_current_size": .running,
    "tgi_queue_size": .waiting,
    "llamacpp:requests_processing": .running,
    "llamacpp:requests_deferred": .waiting,
    "llamacpp:kv_cache_usage_ratio": .cacheUse,
    "trtllm_num_requests_running": .running,
    "trtllm_num_requests_waiting": .waiting,
    "trtllm_kv_cache_utilization": .cacheUse,
    "trtllm_kv_cache_max_blocks": .blocks,
    "trtllm_kv_cache_tokens_per_block": .blockTokens,
    "trtllm_kv_cache_used_blocks": .usedBlocks,
    "trtllm_kv_cache_reused_blocks_total": .cachedBlocks,
    "trtllm_kv_cache_reused_blocks": .cachedBlocks,
    "nv_inference_pending_request_count": .pending,
  ]

  /// Those of Triton's engine, whose names stand in a label.
  private static let labelled: [String: (label: StaticString, figures: [String: EngineFigure])] = [
    "nv_trt_llm_request_metrics": (
      "request_type", ["scheduled": .running, "active": .active, "waiting": .waiting]
    ),
    "nv_trt_llm_kv_cache_block_metrics": (
      "kv_cache_block_type",
      [
        "max": .blocks, "tokens_per": .blockTokens, "used": .usedBlocks, "fraction": .cacheUse,
        "reused": .cachedBlocks,
      ]
    ),
  ]

  /// What a line tells; nil for nothing that is known.
  static func of(_ line: MetricLine) -> EngineFigure? {
    if let figure = names[line.name] { return figure }
    guard let (label, figures) = labelled[line.name], let word = line.label(label) else { return nil }
    return figures[word]
  }
}

/// The figures of one answer, added up.
struct EngineSums {
  private var sums = [Double](repeating: 0, count: EngineFigure.allCases.count)
  private var counts = [Int](repeating: 0, count: EngineFigure.allCases.count)

  /// The sum of one, of tokens a block the largest, of shares the mean; nil when nothing was told.
  subscript(_ figure: EngineFigure) -> Double? {
    let count = counts[figure.rawValue]
    guard count > 0 else { return nil }
    return figure == .cacheUse ? sums[figure.rawValue] / Double(count) : sums[figure.rawValue]
  }

  mutating func add(_ value: Double, _ figure: EngineFigure) {
    guard value.isFinite, value >= 0 else { return }
    let own = sums[figure.rawValue]
    sums[figure.rawValue] =
      figure == .blockTokens
      ? max(own, value) : min(own + value, Double(EngineMetrics.largestFigure))
    counts[figure.rawValue] += 1
  }

  mutating func take(_ line: MetricLine) {
    switch line.name {
    case "vllm:cache_config_info": takeSize(line, "block_size", "num_gpu_blocks")
    case "sglang:cache_config_info": takeSize(line, "page_size", "num_pages")
    default:
      guard let figure = EngineFigure.of(line) else { return }
      // Each process of one SGLang engine may tell the same.
      if line.name.hasPrefix("sglang:"), line.isOfFurtherRank { return }
      add(line.value, figure)
    }
  }

  private mutating func takeSize(_ line: MetricLine, _ block: StaticString, _ blocks: StaticString) {
    guard !line.isOfFurtherRank, let size = line.label(block).flatMap({ Double($0) }),
      let count = line.label(blocks).flatMap({ Double($0) })
    else { return }
    add(size * count, .cacheTokens)
  }

  /// One step of an engine, as TensorRT-LLM's server tells of it.
  mutating func take(step: EngineStep) {
    for (figure, value) in step.figures { add(value, figure) }
  }

  var running: Int? {
    if let scheduled = self[.running] {
      // Of those that are active some wait, of an engine that does not say how many.
      return EngineMetrics.whole(self[.waiting] == nil ? max(scheduled, self[.active] ?? 0) : scheduled)
    }
    return self[.active].map(EngineMetrics.whole)
  }

  /// What a server holds back is not counted again where its engine tells.
  var pending: Int? { running == nil ? self[.pending].map(EngineMetrics.whole) : nil }

  var cacheTokens: Int? {
    if let told = self[.cacheTokens] { return EngineMetrics.whole(told) }
    guard let blocks = self[.blocks], let tokens = self[.blockTokens] else { return nil }
    return EngineMetrics.whole(blocks * tokens)
  }

  var cacheUse: Double? {
    if let told = self[.cacheUse] { return min(told, 1) }
    guard let used = self[.usedBlocks], let blocks = self[.blocks], blocks > 0 else { return nil }
    return min(used / blocks, 1)
  }

  var cachedTokens: Int? {
    if let told = self[.cachedTokens] { return EngineMetrics.whole(told) }
    guard let blocks = self[.cachedBlocks], let tokens = self[.blockTokens] else { return nil }
    return EngineMetrics.whole(blocks * tokens)
  }
}
