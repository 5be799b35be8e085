@testable import ACME
import Bytes
import HTTP
import TestRun
import Testing

@Suite("Retry policy", .ownThread) struct RetryPolicyTests {
  let now = UnixTime(seconds: 1_800_000_000)

  private func refused(_ status: Int, _ kind: Problem.Kind? = nil, after: String? = nil) -> Failure {
    let problem = kind.map { Problem(type: Problem.namespace + $0.rawValue, detail: "") }
    return .refused(
      status: status, problem: problem, retryAfter: after.flatMap { RetryAfter([.init("Retry-After", $0)]) })
  }

  @Test("waits double up to their cap, between half and all of it")
  func backoff() {
    for (random, factor) in [(0.0, 0.5), (1.0, 1.0)] {
      var policy = RetryPolicy(patienceSeconds: 60)
      let waits = (0..<6).map { _ in policy.decide(after: refused(500), now: now, random: random) }
      #expect(waits == [0.5, 1, 2, 4, 8, 16].map { Decision.again(afterSeconds: $0 * factor) })
      #expect(policy.decide(after: refused(500), now: now, random: random) == .stop(retryAfter: nil))
    }
  }

  @Test("a bad nonce is answered at once, and is no reason to go on for ever")
  func badNonce() {
    var policy = RetryPolicy(patienceSeconds: 60)
    for _ in 0..<RetryPolicy.maximumBadNonces {
      #expect(policy.decide(after: refused(400, .badNonce), now: now, random: 0) == .again(afterSeconds: 0))
    }
    #expect(policy.decide(after: refused(400, .badNonce), now: now, random: 0) == .stop(retryAfter: nil))
  }

  @Test("a first failure leads to what it deserves")
  func first() {
    let soon = Decision.again(afterSeconds: 0.25)
    let stop = Decision.stop(retryAfter: nil)
    let table: [(Failure, Decision)] = [
      (.transport(TransportError(.connect, "")), soon), (.transport(TransportError(.dropped, "")), soon),
      (.transport(TransportError(.timeout, "")), soon), (.transport(TransportError(.tls, "")), soon),
      (.transport(TransportError(.malformed, "")), soon), (.transport(TransportError(.tooLarge, "")), soon),
      (.transport(TransportError(.cancelled, "")), stop), (.unusable(""), soon), (.local(""), stop),
      (refused(500), soon), (refused(502), soon), (refused(503), soon), (refused(408), soon),
      (refused(429), soon), (refused(403, .rateLimited), soon), (refused(403, .orderNotReady), soon),
      (refused(400), stop), (refused(403, .unauthorized), stop), (refused(400, .malformed), stop),
      (refused(404), stop), (refused(302), stop), (refused(409, .alreadyReplaced), stop),
      (refused(503, after: "7"), .again(afterSeconds: 7)),
      (refused(429, after: "60"), .again(afterSeconds: 60)),
      (refused(503, after: "0"), soon), (refused(503, after: "soon"), soon),
      (refused(429, after: "61"), .stop(retryAfter: now + 61)),
      (refused(503, after: "Fri, 15 Jan 2027 08:00:20 GMT"), .again(afterSeconds: 20)),
      (refused(503, after: "Fri, 15 Jan 2027 09:00:00 GMT"), .stop(retryAfter: now + 3600)),
      (refused(503, after: "Thu, 14 Jan 2027 09:00:00 GMT"), soon),
      (refused(403, .unauthorized, after: "3600"), .stop(retryAfter: now + 3600)),
      (refused(503, after: "999999999999999999"), .stop(retryAfter: now + RetryAfter.maximumSeconds)),
    ]
    for (failure, expected) in table {
      var policy = RetryPolicy(patienceSeconds: 60)
      #expect(policy.decide(after: failure, now: now, random: 0) == expected, "\(failure)")
    }
  }

  @Test("some failures are given fewer tries")
  func fewer() {
    let table: [(Failure, Int)] = [
      (.unusable(""), RetryPolicy.maximumUnusable), (refused(429), RetryPolicy.maximumRateLimitsWithoutTime),
      (.transport(TransportError(.tls, "")), RetryPolicy.maximumTLSFailures),
      (.transport(TransportError(.dropped, "")), RetryPolicy.maximumTries),
    ]
    for (failure, tries) in table {
      var policy = RetryPolicy(patienceSeconds: 60)
      for _ in 1..<tries {
        #expect(policy.decide(after: failure, now: now, random: 0) != .stop(retryAfter: nil))
      }
      #expect(policy.decide(after: failure, now: now, random: 0) == .stop(retryAfter: nil))
    }
  }
}
