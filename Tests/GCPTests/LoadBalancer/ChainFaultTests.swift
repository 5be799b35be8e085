import FakeGoogle
import GCP
import TestRun
import Testing

/// Chains built while everything goes wrong.
@Suite(.ownThread) struct ChainFaultTests {
  /// The API calls of one whole run, and what it leads to.
  private static func wholeRun() async throws -> (calls: Int, end: [String: JSON]) {
    let google = try FakeGoogle()
    try google.furnish()
    try await ChainLab(google).apply(.example())
    return (google.journal.filter(\.isAPI).count, essence(google))
  }

  @Test("killed at any call and run again, with the call done or not, the chain is the same in the end")
  func cuts() async throws {
    let whole = try await Self.wholeRun()
    #expect(whole.calls > 30)
    let google = try FakeGoogle()
    try google.furnish()
    let empty = google.snapshot()
    for calls in Tier.points(whole.calls, each: 6) {
      for isAnswered in [true, false] {
        google.restore(empty)
        google.cut(after: calls, lastIsAnswered: isAnswered)
        await #expect(throws: GCPError.self) { try await ChainLab(google).apply(.example()) }
        google.recover()
        // The new run finds the operations of the old one under way.
        let lab = try ChainLab(google)
        try await lab.apply(.example())
        #expect(essence(google) == whole.end, "after \(calls) calls")
        let rest = try await lab.plan(.example())
        #expect(rest.isEmpty, "after \(calls) calls: \(rest.text)")
        #expect(google.problems.isEmpty)
      }
    }
  }

  @Test("killed at any call of a change and run again, the change is made")
  func cutsOfChange() async throws {
    let changed = ChainSettings.example {
      $0.services[0].health?.probe = .tcp
      $0.routes.removeLast()
      $0.address = "other-ip"
      $0.redirects = false
    }
    let google = try FakeGoogle()
    try google.furnish()
    try await ChainLab(google).apply(.example())
    let before = google.snapshot()
    google.clearJournal()
    try await ChainLab(google).apply(changed)
    let calls = google.journal.filter(\.isAPI).count
    let end = essence(google)
    for count in Tier.points(calls, each: 6) {
      for isAnswered in [true, false] {
        google.restore(before)
        google.cut(after: count, lastIsAnswered: isAnswered)
        _ = try? await ChainLab(google).apply(changed)
        google.recover()
        try await ChainLab(google).apply(changed)
        #expect(essence(google) == end, "after \(count) calls")
      }
    }
  }

  static let faults: [Fault.Action] = [
    .status(503, reason: "backendError"), .status(502), .status(429, reason: "rateLimitExceeded"),
    .status(403, reason: "rateLimitExceeded"), .dropBefore, .dropAfter, .truncate,
    .operationError(code: "INTERNAL_ERROR", message: "try again", status: 500),
  ]

  @Test("every call broken once, in eight ways, is survived in the same run", arguments: 0..<faults.count)
  func survives(index: Int) async throws {
    let whole = try await Self.wholeRun()
    let google = try FakeGoogle()
    try google.furnish()
    let empty = google.snapshot()
    for skip in Tier.points(whole.calls, each: 6, shift: index) {
      google.restore(empty)
      google.add(Fault(Self.faults[index], times: 1, skip: skip))
      try await ChainLab(google).apply(.example())
      google.recover()
      #expect(essence(google) == whole.end, "fault at call \(skip)")
    }
  }

  @Test("what Google refuses for good is told with its words, and the next run goes on")
  func refused() async throws {
    let google = try FakeGoogle()
    try google.furnish()
    google.configure { $0.quotas["BACKEND_SERVICES"] = 1 }
    let lab = try ChainLab(google)
    await #expect {
      try await lab.apply(.example())
    } throws: { ($0 as? GCPError)?.description.contains("BACKEND_SERVICES") == true }
    google.configure { $0.quotas = [:] }
    try await lab.apply(.example())
    #expect(try await lab.plan(.example()).isEmpty)
  }
}
