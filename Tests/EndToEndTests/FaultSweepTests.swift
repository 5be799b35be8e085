import ACME
import Bytes
import CertStore
import EndToEnd
import HTTP
import HTTPClient
import OS
import PKI
import Renewal
import Synchronization
import TLS
import TestRun
import Testing

/// Every request of an issuance broken in every way, between the real engine and a real CA.
@Suite(.ownThread) struct FaultSweepTests {
  static let kinds = [
    "500", "502", "503", "429", "dropped-before", "dropped-after", "reset-before", "reset-after", "bad-nonce",
    "truncated", "garbage", "wrong-nonce", "missing-nonce",
  ]

  static let challenges: [ChallengeType] = [.http01, .tlsALPN01, .dns01]

  /// The longest that an issuance with one broken request may wait of its own accord, in seconds.
  static let patienceSeconds = 30.0

  @Test(
    "an issuance survives its requests being broken once, in each way, by each kind of challenge",
    arguments: kinds, challenges)
  func sweep(kind: String, challenge: ChallengeType) async throws {
    let place = try Place()
    var options = Pebble.Options()
    // The count of requests must not depend on chance.
    options.noncesRefusedPercent = 0
    options.authorizationsReusedPercent = 0
    options.answersItself = true
    let pebble = try await Pebble(place, options)
    let proxy = try await FaultProxy(place, pebble, called: kind)
    try await proxy.breakRequest(-1, "none")
    #expect(try await issue(place, pebble, proxy, "clean", challenge) == [])
    // How often the CA is asked whether it is done differs: it is gone on until no such request comes any more.
    // A fixed part of the points, another one for each kind and challenge; all of them where CERTD_TEST_ALL is set.
    let step = Tier.isAll ? 1 : 5
    let number = (Self.kinds.firstIndex(of: kind) ?? 0) + 2 * (Self.challenges.firstIndex(of: challenge) ?? 0)
    for n in stride(from: Tier.isAll ? 0 : number % step, to: 40, by: step) {
      try await proxy.breakRequest(n, kind)
      #expect(try await issue(place, pebble, proxy, "run-\(n)", challenge) == [], "\(kind) of request \(n)")
      guard try await proxy.count() <= n else { continue }
      // Directory, nonce, account, order, authorization, challenge, finalize, certificate at least.
      return #expect(n >= 8, "only \(n) requests")
    }
    Issue.record("an issuance takes more than 40 requests")
  }

  @Test(
    "a CA that was killed at any moment, with or without its state, is recovered from by the next run",
    arguments: Tier.points(11, each: 3), [true, false])
  func killed(request: Int, keepsState: Bool) async throws {
    let place = try Place()
    var options = Pebble.Options()
    options.noncesRefusedPercent = 0
    options.answersItself = true
    options.port = try FreePort.take()
    options.http01Port = try FreePort.take()
    options.api = try TestCertificates(place, "api")
    let first = try await Pebble(place, options)
    let proxy = try await FaultProxy(place, first, called: "proxy")
    try await proxy.breakRequest(request, "down")
    let interrupted = try await issue(place, first, proxy, "store", .http01)
    // Ten requests are all that there are, if the CA is quick.
    #expect(!interrupted.isEmpty || request >= 8, "\(interrupted)")
    var pebble = first
    if !keepsState {
      try await first.stop()
      // Its companion has the port for answers until it is gone.
      options.http01Port = try FreePort.take()
      pebble = try await Pebble(place, options)
    }
    try await proxy.breakRequest(-1, "none")
    #expect(try await issue(place, pebble, proxy, "store", .http01) == [])
  }

  @Test("twenty issuances of twenty survive a CA that refuses half of all good nonces")
  func nonces() async throws {
    let place = try Place()
    var options = Pebble.Options()
    options.noncesRefusedPercent = 50
    let pebble = try await Pebble(place, options)
    let certd = try Certd(place)
    for n in 1...20 {
      let issued = try await certd(
        "issue", "a\(n).example.com", "b\(n).example.com", "--store", place("store"), with: pebble.flags)
      #expect(issued.ending == .exited(0), "\(n): \(issued)")
    }
  }

  @Test("a clean issuance takes at most ten requests, the account's registration included")
  func requests() async throws {
    let place = try Place()
    var options = Pebble.Options()
    options.noncesRefusedPercent = 0
    let pebble = try await Pebble(place, options)
    func count() -> Int { pebble.log.ranges(of: " -> calling handler()").count }
    var fewest = Int.max
    // A CA on a busy machine is asked once more whether it is done: that is not ours to count.
    for n in 1...10 where fewest > 10 {
      let before = count()
      let issued = try await Certd(place)(
        "issue", "a\(n).example.com", "--store", place("store-\(n)"), with: pebble.flags)
      #expect(issued.ending == .exited(0), "\(issued)")
      fewest = min(fewest, count() - before)
    }
    #expect((8...10).contains(fewest), "\(fewest) requests: \(pebble.log)")
  }

  /// Obtains one certificate into a new store; what went wrong, which ought to be nothing.
  private func issue(
    _ place: Place, _ pebble: Pebble, _ proxy: FaultProxy, _ name: String, _ challenge: ChallengeType
  ) async throws -> [String] {
    let store = try CertStore.open(root: place(name)) { Issue.record("\($0)") }
    let client = try HTTPClient()
    var options = ACME.Options()
    options.agreesToTerms = true
    options.contacts = ["mailto:ops@example.com"]
    let now: @Sendable () -> UnixTime = { UnixTime(seconds: Clock.wallSeconds()) }
    let url = try #require(URL(proxy.directoryURL))
    let waited = Mutex(0.0)
    let issuer = ACMEIssuer(
      .init(directory: url, options: options, responder: Responder(pebble: pebble, challenge: challenge)),
      store: store,
      transport: Wire(
        client: client,
        context: try ClientContext(trust: .init(system: false, extraPEM: [proxy.rootPEM]))),
      environment: .init(
        // Waits are cut short; not to nothing, because the CA works while we wait for it.
        now: now,
        sleep: { seconds in
          waited.withLock { $0 += seconds }
          try await Task.sleep(for: .milliseconds(Int(min(seconds * 1000, 20))))
        },
        random: { 0.5 }))
    let executor = Executor(
      store: store, issuers: ["pebble": issuer], policy: Policy(builtAt: UnixTime(seconds: 1_748_736_000)),
      environment: .init(now: now, random: { 0.5 }, hookEnvironment: [:]))
    let lineage = try #require(LineageName("a.example.com"))
    let report = await executor.run(
      [ManagedCertificate(name: lineage, identifiers: [.dns("a.example.com")], issuer: "pebble")],
      force: .impatient)
    if report.hasFailure { return report.certificates.map { "\($0)" } }
    let stored = try #require(store.load(lineage, now: now()))
    #expect(stored.chain.leaf.matches(stored.key) && stored.generation == 1)
    let seconds = waited.withLock { $0 }
    return seconds <= Self.patienceSeconds ? [] : ["waits \(seconds) s"]
  }
}

/// The engine's requests over the real client.
private struct Wire: Transport {
  let client: HTTPClient
  let context: ClientContext

  func send(_ request: HTTP.Request) async throws(TransportError) -> HTTP.Response {
    do throws(HTTPClientError) { return try await client.send(request, .init(context: context)) } catch {
      throw TransportError(TransportError.Kind(rawValue: error.kind.rawValue) ?? .connect, error.reason)
    }
  }
}

/// Has the answers served by Pebble's own companion.
private struct Responder: ChallengeResponder {
  let pebble: Pebble
  let challenge: ChallengeType
  var challengeTypes: [ChallengeType] { [challenge] }
  func publish(_ answer: ChallengeAnswer) async throws {
    let host = answer.identifier.description
    switch answer.type {
    case .http01: try await pebble.answer(token: answer.token, answer.keyAuthorization)
    case .tlsALPN01: try await pebble.answerTLS(host, answer.keyAuthorization)
    case .dns01:
      let digest = try Digest.sha256(Array(answer.keyAuthorization.utf8))
      try await pebble.setText("_acme-challenge.\(host)", Base64URL.encode(digest))
    }
  }
  func withdraw(_ answer: ChallengeAnswer) async {}
}
