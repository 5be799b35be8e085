import TestRun
import Testing
import Exchange

@Suite(.ownThread) struct RetryRuleTests {
  private static func modelServer() -> RetryRule {
    var rule = RetryRule()
    rule.repeatsAll = true
    for status in [429, 500, 502, 503, 504] { rule.insert(status: status) }
    return rule
  }

  private static let quiet: RetryRule = {
    var rule = RetryRule()
    (rule.onConnectFailure, rule.onReset, rule.onResponseTimeout) = (false, false, false)
    return rule
  }()

  @Test(
    "what is repeated depends on the failure, the method and what the backends are",
    arguments: [
      // The failure; GET and POST to any server; GET and POST to a model server.
      (.connect, true, true, true, true), (.reset(untouched: true), true, true, true, true),
      (.reset(untouched: false), true, false, true, true), (.responseTimeout, true, false, true, true),
      (.status(503), false, false, true, true), (.status(500), false, false, true, true),
      (.status(404), false, false, false, false), (.status(200), false, false, false, false),
    ] as [(RetryRule.Failure, Bool, Bool, Bool, Bool)])
  func table(_ failure: RetryRule.Failure, _ get: Bool, _ post: Bool, _ modelGet: Bool, _ modelPost: Bool) {
    #expect(RetryRule().mayRepeat(after: failure, isIdempotent: true) == get)
    #expect(RetryRule().mayRepeat(after: failure, isIdempotent: false) == post)
    #expect(Self.modelServer().mayRepeat(after: failure, isIdempotent: true) == modelGet)
    #expect(Self.modelServer().mayRepeat(after: failure, isIdempotent: false) == modelPost)
    #expect(!Self.quiet.mayRepeat(after: failure, isIdempotent: true))
  }

  @Test("so many statuses have room, each once")
  func statuses() {
    var rule = RetryRule()
    for status in 400..<(400 + RetryRule.maximumStatuses) {
      let (first, again) = (rule.insert(status: status), rule.insert(status: status))
      #expect(first && again)
    }
    let more = rule.insert(status: 599)
    #expect(!more && !rule.covers(599) && rule.covers(400))
  }
}
