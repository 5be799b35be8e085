internal import JSON

/// What TensorRT-LLM's server tells in JSON: a list of the steps since it was asked last, of which only the last one counts.
struct EngineStep {
  private(set) var figures: [(EngineFigure, Double)] = []

  private static let requests: [(String, EngineFigure)] = [
    ("numActiveRequests", .running), ("numQueuedRequests", .waiting),
  ]
  private static let cache: [(String, EngineFigure)] = [
    ("maxNumBlocks", .blocks), ("tokensPerBlock", .blockTokens), ("usedNumBlocks", .usedBlocks),
    ("reusedBlocks", .cachedBlocks),
  ]

  /// The last step of an answer; one without figures where there is none.
  static func last(_ body: [UInt8]) -> EngineStep {
    var step = EngineStep()
    guard let place = lastObject(body), place.count <= EngineMetrics.maximumStep,
      let value = try? JSONValue(parsing: body[place])
    else { return step }
    step.take(requests, of: value)
    if let blocks = value["kvCacheStats"] { step.take(cache, of: blocks) }
    return step
  }

  private mutating func take(_ names: [(String, EngineFigure)], of value: JSONValue) {
    for (name, figure) in names {
      guard case .number(let text)? = value[name], let number = Double(text) else { continue }
      figures.append((figure, number))
    }
  }

  /// The last object of a list, or the one that is not in any, found without keeping what stands before it.
  private static func lastObject(_ body: [UInt8]) -> Range<Int>? {
    var found: Range<Int>?
    var (depth, start, isText, isEscaped) = (0, 0, false, false)
    for (at, byte) in body.enumerated() {
      if isText {
        if isEscaped {
          isEscaped = false
        } else if byte == UInt8(ascii: "\\") {
          isEscaped = true
        } else if byte
          == UInt8(ascii: "\"")
        {
          isText = false
        }
        continue
      }
      switch byte {
      case UInt8(ascii: "\""): isText = true
      case UInt8(ascii: "{"):
        if depth == 0 { start = at }
        depth += 1
      case UInt8(ascii: "}"):
        guard depth > 0 else { return nil }
        depth -= 1
        if depth == 0 { found = start..<at + 1 }
      default: break
      }
    }
    return found
  }
}
