// Two attempts at once: the first answer counts, and the other attempt ends with it.
extension Machine {
  /// Another attempt is made where nothing of an answer has come, the whole request has been sent and can be sent once more.
  mutating func hedge(_ facts: () -> Facts) -> Action {
    guard isUnanswered, !hasEarlier, requestComplete, requestSent, attempt.isConnected, !attempt.isHeld,
      hasAttemptsLeft, facts().hasAnother
    else { return .nothing }
    hasEarlier = true
    return .hedge
  }

  /// What an event means while there is an earlier attempt; nil where that changes nothing but that there is none any more.
  mutating func besideEarlier(_ event: Event) -> Action? {
    switch event {
    case .unopened:
      countAttempt()
      return goBack()
    case .nobody, .full, .connectFailed, .malformed, .timedOut, .broken, .unsupported, .earlierAnswers:
      return goBack()
    case .head(let head):
      // What the earlier one says may be better; and whatever might be asked for again elsewhere is not, beside it.
      if head.status >= 300 || head.isUnavailable { return goBack() }
      hasEarlier = false
    case .interim:
      // Nothing of it could be passed on while the earlier one may still answer.
      return goBack()
    case .earlierFailed:
      hasEarlier = false
      return .endEarlier
    case .switched, .refused, .clientLeft, .tunnelIdle: hasEarlier = false
    default: break
    }
    return nil
  }

  private mutating func goBack() -> Action {
    hasEarlier = false
    attempt = Attempt()
    attempt.isConnected = true
    requestSent = true
    return .goBack
  }
}
