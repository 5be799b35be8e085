import ACME
import Bytes
import PKI
import TestRun
import Testing

@Suite("Failed issuances", .ownThread) struct FailureTests {
  @Test(
    "a failed validation tells the CA's reason for each name, and ends the order", arguments: [true, false])
  func validation(_ leavesPending: Bool) async throws {
    let dialect = Dialect(leavesFailedAuthorizationPending: leavesPending, unreachable: ["b.example"])
    let harness = try Harness(dialect)
    let error = try #require(await harness.failure())
    guard case .validation(let failures) = error.cause else {
      Issue.record("\(error)")
      return
    }
    #expect(failures.map(\.description) == ["b.example: connection: timeout"])
    #expect(error.party == .ca)
    #expect(error.isTransient)
    let record = harness.notebook.record
    #expect(record.closed == record.orders)
    #expect(record.published.isEmpty)
  }

  @Test("a refused issuance tells the CA's reason with its parts")
  func refused() async throws {
    let error = try #require(await (try Harness(Dialect(refusesIssuance: true))).failure())
    #expect(
      error.description
        == "order: the CA refused: compound: issuance refused; caa: b.example: CAA forbids")
    #expect(!error.isTransient)
  }

  @Test("a refusal for good is not repeated", arguments: [Fault.unauthorized, .malformedRequest, .notFound])
  func noRetry(_ fault: Fault) async throws {
    let harness = try Harness(faults: [3: fault])
    let error = try #require(await harness.failure())
    #expect(error.step == .newOrder)
    #expect(!error.isTransient)
    #expect(harness.wire.requests.count == 4)
  }

  @Test("a Retry-After beyond our patience ends the call with the time told")
  func impatience() async throws {
    let harness = try Harness(faults: [3: .status429Hours])
    let error = try #require(await harness.failure())
    #expect(error.retryAfter == TestClock.start + 7200)
    #expect(error.isTransient)
    #expect(error.description.hasSuffix("; not before 2027-01-15T10:00:00Z"))
    #expect(harness.clock.waits.isEmpty)
  }

  @Test("a Retry-After within our patience is obeyed to the second")
  func patience() async throws {
    let harness = try Harness(faults: [3: .status503Seconds])
    try await harness.issue()
    #expect(harness.clock.waits.first == 3)
  }

  @Test("an outage that lasts ends the call with its reason")
  func outage() async throws {
    let faults = Dictionary(uniqueKeysWithValues: (3..<100).map { ($0, Fault.status502HTML) })
    let harness = try Harness(faults: faults)
    let error = try #require(await harness.failure())
    #expect(error == ACMEError(.newOrder, .status(502)))
    #expect(error.isTransient)
    #expect(harness.wire.requests.count < 15)
  }

  @Test("an order that never gets ready ends the call, to be resumed")
  func endless() async throws {
    let harness = try Harness(Dialect(issuanceReads: 1_000_000))
    let error = try #require(await harness.failure())
    #expect(error == ACMEError(.order, .unfinished("the CA did not finish issuing the certificate in time")))
    #expect(harness.notebook.record.closed.isEmpty)
  }

  @Test("an object that the CA wants left alone for long ends the call with the time told")
  func longPoll() async throws {
    let harness = try Harness(Dialect(issuanceReads: 3, pollRetryAfter: "3600"))
    let error = try #require(await harness.failure())
    let retryAfter = try #require(error.retryAfter)
    #expect(retryAfter - TestClock.start >= 3600)
  }

  @Test("a wildcard is refused before anything is sent unless DNS can be answered")
  func wildcard() async throws {
    let harness = try Harness(names: ["a.example", "*.a.example"])
    let error = try #require(await harness.failure())
    #expect(error.description == "new order: *.a.example: a wildcard needs a dns-01 challenge")
    #expect(harness.wire.requests.isEmpty)
  }

  @Test("a challenge that is not offered is told with those that are")
  func noChallenge() async throws {
    let harness = try Harness(notebook: Notebook(challengeTypes: [.tlsALPN01]))
    let error = try #require(await harness.failure())
    #expect(
      error.description == "authorization: a.example: the CA offers no challenge that can be answered here "
        + "(it offers dns-01, http-01; we answer tls-alpn-01)")
  }

  @Test("a journal or responder that fails is our fault, and nothing goes on without it")
  func broken() async throws {
    let harness = try Harness(notebook: Notebook(isBroken: true))
    let error = try #require(await harness.failure())
    #expect(error.party == .us)
    #expect(harness.wire.requests.last == "POST /new-order")
  }

  @Test("cancellation ends an issuance and withdraws its answers")
  func cancelled() async throws {
    let harness = try Harness(Dialect(issuanceReads: 1_000_000))
    let task = Task { await harness.failure() }
    task.cancel()
    #expect(await task.value?.cause == .cancelled)
    #expect(harness.notebook.record.published.isEmpty)
  }

  @Test("no names, or more than the limit, are refused before anything is sent", arguments: [0, 101])
  func count(_ names: Int) async throws {
    let harness = try Harness(names: (0..<names).map { "n\($0).example" })
    #expect(await harness.failure()?.party == .us)
    #expect(harness.wire.requests.isEmpty)
  }

  @Test("a CA without TLS is not spoken to")
  func plainHTTP() async throws {
    let harness = try Harness(directory: "http://ca.example/directory")
    let error = try #require(await harness.failure())
    #expect(error.description.contains("URL without TLS"))
    #expect(harness.wire.requests.isEmpty)
  }
}
