/// A mishap that the stand-in has for some calls.
public struct Fault: Sendable {
  /// What happens.
  public enum Action: Sendable {
    /// An error answer, with the word of `errors[].reason`; HTML when there is none.
    case status(Int, reason: String? = nil, message: String = "mishap", retryAfter: Int? = nil)
    /// The connection is cut before the call takes effect.
    case dropBefore
    /// The call takes effect, and the connection is cut before its answer.
    case dropAfter
    /// The call takes effect, and half of its answer comes.
    case truncate
    /// The call is accepted, and its operation fails.
    case operationError(code: String, message: String, status: Int)
  }

  /// What happens.
  public var action: Action
  /// Text in `METHOD path` of the calls it happens to; nil for all calls of the APIs.
  public var match: String?
  /// How often; nil for ever.
  public var times: Int?
  /// How many matching calls pass before.
  public var skip: Int

  /// A mishap.
  public init(_ action: Action, match: String? = nil, times: Int? = 1, skip: Int = 0) {
    self.action = action
    self.match = match
    self.times = times
    self.skip = skip
  }
}

/// The mishaps to come, and the cut.
struct Faults: Sendable {
  var list: [Fault] = []
  /// API calls that are still served; nil for all.
  var callsLeft: Int?
  var lastIsAnswered = true

  /// What happens to a call; counts it.
  mutating func next(_ text: String, isAPI: Bool) -> Fault.Action? {
    if let left = callsLeft {
      if left == 0 { return .dropBefore }
      if isAPI { callsLeft = left - 1 }
      if isAPI, left == 1, !lastIsAnswered { return .dropAfter }
    }
    for index in list.indices {
      guard list[index].match.map({ text.contains($0) }) ?? isAPI else { continue }
      if list[index].skip > 0 {
        list[index].skip -= 1
        continue
      }
      if let times = list[index].times {
        if times <= 0 { continue }
        list[index].times = times - 1
      }
      return list[index].action
    }
    return nil
  }
}
