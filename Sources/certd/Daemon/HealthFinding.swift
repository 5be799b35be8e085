import Configuration
import HTTP
import OS
import Upstream

/// What one check has found.
enum HealthFinding: Equatable {
  /// It can have requests.
  case ready
  /// It has not passed, and that is no failure.
  case paused(BackendStatus.Pause, String)
  /// No answer in time.
  case late(String)
  /// It cannot, and why.
  case failed(String)

  /// Why the check has not passed; nil when it has.
  var reason: String? {
    switch self {
    case .ready: nil
    case .paused(_, let reason), .late(let reason), .failed(let reason): reason
    }
  }

  /// Why it has failed; nil when it has not.
  var failure: String? { if case .paused = self { nil } else { reason } }

  /// A check that is late says nothing while requests to the backend have got something since it began: it has much to do.
  func judged(_ service: Service, _ known: BackendRegistry.Known, since began: UInt64) -> HealthFinding {
    judged(
      requests: known.status.inFlight, lastProgress: known.status.engine.lastProgress, since: began,
      health: known.status.checkedHealth)
  }

  func judged(
    requests: Int, lastProgress: UInt64, since began: UInt64, health: BackendStatus.Health
  ) -> HealthFinding {
    guard case .late(let reason) = self, requests > 0, lastProgress >= began, health != .unhealthy else {
      return self
    }
    return .paused(.busy, "it answers requests, but no check in time (\(reason))")
  }
}

/// When checks are made. Pure.
enum HealthTiming {
  /// How much each backend that is checked adds to the time over which first checks are spread, in seconds: few are known at
  /// once, and many do not come in step.
  static let spreadSeconds = 0.02

  /// How long the first check waits, in seconds, given a chance from 0 to 1.
  static func first(of count: Int, seconds: Double, chance: Double) -> Double {
    count < 2 ? 0 : min(seconds, Double(count) * spreadSeconds) * chance
  }

  /// How long the next one waits, in seconds: a tenth less or more than it is meant to.
  static func pause(seconds: Double, chance: Double) -> Double { seconds * (0.9 + 0.2 * chance) }
}

extension HealthCheck {
  /// From one check to the next, in seconds.
  var seconds: Double { Double(interval.wholeMilliseconds) / 1000 }
}

/// What a health answer means. Pure.
struct HealthVerdict {
  let ranges: [StatusRange]
  let rule: HealthBodyRule
  var text: String?
  var kind = ServiceKind.http

  /// The longest reason that a program tells, in bytes.
  static let maximumReason = 200

  func judge(_ response: Response) -> HealthFinding {
    guard ranges.contains(where: { $0.contains(response.status) }) else {
      let reason = "status \(response.status)"
      return isLoading(response) ? .paused(.loading, "\(reason): it loads its model") : .failed(reason)
    }
    if rule == .modelAvailable {
      // `"state": "AVAILABLE"` with any white space; other states do not end in this word with its quote before.
      let words = String(decoding: response.body, as: UTF8.self).filter { !$0.isWhitespace }
      guard words.contains(#""state":"AVAILABLE""#) else { return .failed("no model version is AVAILABLE") }
    }
    if let text, !String(decoding: response.body, as: UTF8.self).contains(text) {
      return .failed("the answer does not hold \(text.debugDescription)")
    }
    return .ready
  }

  /// Whether an engine says that it will be ready: 503 with a word of loading (llama.cpp, TGI), or 503 of one that says nothing
  /// else while it starts (SGLang).
  private func isLoading(_ response: Response) -> Bool {
    guard response.status == 503, kind.isModelServer else { return false }
    let words = String(decoding: response.body.prefix(4096), as: UTF8.self).lowercased()
    return words.contains("loading") || words.contains("starting") || words.contains("warming up")
  }

  /// What a program's end means.
  static func judge(_ outcome: Subprocess.Outcome) -> HealthFinding {
    let lines = String(decoding: outcome.output.suffix(maximumReason), as: UTF8.self)
    let last = lines.split(whereSeparator: \.isNewline).last.map { ": \($0)" } ?? ""
    switch outcome.ending {
    case .exited(0): return .ready
    case .exited(let status): return .failed("the command ended with \(status)\(last)")
    case .signalled(let signal): return .failed("a signal ended the command (\(signal))")
    case .timedOut: return .late("the command took too long")
    }
  }
}
