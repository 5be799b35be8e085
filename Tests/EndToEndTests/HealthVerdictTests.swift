import Configuration
import HTTP
import OS
import TestRun
import Testing
import Upstream

@testable import certd

@Suite("What a health check has found", .ownThread) struct HealthVerdictTests {
  private func judge(
    _ status: Int, _ body: String, _ kind: ServiceKind = .http, ranges: [ClosedRange<Int>] = [200...299],
    text: String? = nil
  ) -> HealthFinding {
    HealthVerdict(ranges: ranges.map { StatusRange($0) }, rule: .any, text: text, kind: kind)
      .judge(Response(status: status, body: Array(body.utf8)))
  }

  @Test("status codes may be in any of several ranges, and the content must hold a text")
  func expected() {
    #expect(judge(200, "") == .ready && judge(300, "") == .failed("status 300"))
    #expect(judge(401, "", ranges: [200...299, 401...401]) == .ready)
    #expect(judge(200, "all is well", text: "well") == .ready)
    #expect(judge(200, "all is well", text: "ill") == .failed(#"the answer does not hold "ill""#))
  }

  @Test(
    "an engine that says that it loads is no failure, any other 503 is one",
    arguments: [
      (
        ServiceKind.llamaCpp, #"{"error":{"message":"Loading model","type":"unavailable_error","code":503}}"#,
        true
      ),
      (.tgi, "Model is loading", true), (.sglang, "starting", true), (.vllm, "", false),
      (.http, "Loading model", false),
    ])
  func loading(_ kind: ServiceKind, _ body: String, _ loads: Bool) {
    if case .paused(.loading, _) = judge(503, body, kind) { #expect(loads) } else { #expect(!loads) }
    #expect(judge(500, body, kind) == .failed("status 500"))
  }

  @Test("a check that is late is no failure while requests get something, and one where nothing comes is")
  func busy() {
    let late = HealthFinding.late("timeout")
    func judged(_ requests: Int, _ progress: UInt64, _ health: BackendStatus.Health) -> Bool {
      let found = late.judged(requests: requests, lastProgress: progress, since: 1000, health: health)
      if case .paused(.busy, _) = found { return true }
      return false
    }
    #expect(judged(1, 1000, .healthy) && judged(1, 2000, .unknown))
    #expect(!judged(0, 2000, .healthy) && !judged(1, 999, .healthy) && !judged(1, 2000, .unhealthy))
    let refused = HealthFinding.failed("connect: refused")
    #expect(refused.judged(requests: 9, lastProgress: 9999, since: 1, health: .healthy) == refused)
  }

  @Test(
    "first checks of many are spread over their interval, one is made at once, and further ones vary by a tenth"
  )
  func timing() {
    #expect(HealthTiming.first(of: 1, seconds: 5, chance: 0.9) == 0)
    #expect(HealthTiming.first(of: 1000, seconds: 5, chance: 0.5) == 2.5)
    #expect(HealthTiming.first(of: 10, seconds: 5, chance: 1) < 0.3)
    #expect(
      HealthTiming.pause(seconds: 10, chance: 0) == 9 && HealthTiming.pause(seconds: 10, chance: 1) == 11)
  }

  @Test("a program is run as it is written, its end decides, and its last line is the reason")
  func command() async throws {
    func run(_ words: String..., milliseconds: UInt64 = 10_000) async throws -> HealthFinding {
      HealthVerdict.judge(
        try await Subprocess.program(
          words[0], Array(words.dropFirst()), environment: ["A": "b"], timeLimitInMilliseconds: milliseconds))
    }
    #expect(try await run("/bin/true") == .ready)
    #expect(
      try await run("/bin/sh", "-c", "echo one; echo $A >&2; exit 3")
        == .failed("the command ended with 3: b"))
    // No shell looks at the words.
    #expect(try await run("/usr/bin/test", "$A", "=", "$A") == .ready)
    #expect(try await run("/usr/bin/test", "$A", "=", "b") == .failed("the command ended with 1"))
    #expect(try await run("/bin/cat", "/dev/zero", milliseconds: 50) == .late("the command took too long"))
  }
}
