import Bytes
import CertStore
import OS
import PKI
import Renewal
import Scratch
import StoreFixtures
import TestRun
import Testing

@Suite(.ownThread) struct ExecutorTests {
  @Test("what is missing is issued, stored and written down; a second run does nothing")
  func issues() async throws {
    let bench = try Bench(FakeIssuer())
    let report = await bench.run([managed(), managed("b.example")])
    #expect(report.isRenewed("example.com") && report.isRenewed("b.example") && !report.hasFailure)
    let stored = try #require(bench.store.load(example, now: now))
    #expect(stored.chain.leaf.matches(stored.key))
    #expect(stored.meta.issuer == "ca" && stored.meta.orderURL == "https://ca.test/order/example.com")
    let events = try bench.store.ledger(now: now).filter { $0.name == "example.com" }.map(\.event)
    #expect(events == [.attempted, .ordered, .issued])

    let again = await bench.run([managed(), managed("b.example")])
    #expect(again.outcome("example.com") == .notDue(until: now - 2400 + 60 * day))
    #expect(bench.issuer.requests.count == 2)
    #expect(again.nextWakeAt == now + 600)
  }

  @Test("one failing certificate does not stop the others, and its old one stays")
  func isolation() async throws {
    let failure = IssuerError(.validation, "the CA could not validate b.example")
    let bench = try Bench(FakeIssuer())
    let all = ["a.example", "b.example", "c.example"].map { managed($0) }
    _ = await bench.run(all)
    bench.issuer.behave("b.example", .fails(failure))
    let report = await bench.run(all, force: .all)
    #expect(report.isRenewed("a.example") && report.isRenewed("c.example") && report.hasFailure)
    #expect(report.outcome("b.example") == .failed(why: failure.description))
    #expect(bench.store.load(LineageName(.dns("b.example")), now: now)?.generation == 1)
    let entry = try #require(try bench.store.ledger(now: now).last { $0.name == "b.example" })
    #expect(entry.event == .failed && entry.failure == .validation && entry.detail == failure.description)
  }

  @Test("after a failure the next run waits, and goes on when the wait is over")
  func backsOff() async throws {
    let bench = try Bench(FakeIssuer(["example.com": .fails(IssuerError(.other, "no answer"))]))
    let first = await bench.run([managed()])
    #expect(first.nextWakeAt == now + 60)
    bench.issuer.behave("example.com", .good)
    let second = await bench.run([managed()])
    let why = "1 failed attempt, the last: \(IssuerError(.other, "no answer"))"
    #expect(second.outcome("example.com") == .waiting(until: now + 60, why: why))
    #expect(!second.hasFailure && bench.issuer.requests.count == 1)
    bench.pass(seconds: 60)
    #expect(await bench.run([managed()]).isRenewed("example.com"))
  }

  @Test("Retry-After is kept over a restart")
  func retryAfter() async throws {
    let wish = now + 5 * 3600
    let limited = IssuerError(.rateLimited, "too many", retryAfter: wish)
    let bench = try Bench(FakeIssuer(["example.com": .fails(limited)]))
    _ = await bench.run([managed()])
    bench.issuer.behave("example.com", .good)
    bench.pass(seconds: 5 * 3600 - 1)
    let waiting = Report.Outcome.waiting(until: wish, why: "the CA asked to wait")
    #expect(await bench.run([managed()]).outcome("example.com") == waiting)
    bench.pass(seconds: 1)
    #expect(await bench.run([managed()]).isRenewed("example.com"))
  }

  @Test("a chain for another key is never stored, and its order is not resumed")
  func foreignKey() async throws {
    let bench = try Bench(FakeIssuer())
    _ = await bench.run([managed()])
    bench.issuer.behave("example.com", .foreignKey)
    let report = await bench.run([managed()], force: .all)
    #expect(report.hasFailure)
    #expect(bench.store.load(example, now: now)?.generation == 1)
    bench.issuer.behave("example.com", .good)
    #expect(await bench.run([managed()], force: .all).isRenewed("example.com"))
    #expect(bench.issuer.requests.last?.resuming == nil)
  }

  @Test("an order cut off is resumed with the same key, unless something else is wanted by now")
  func resumes() async throws {
    let bench = try Bench(FakeIssuer(["example.com": .cutOffAfterOrder]))
    let report = await bench.run([managed()])
    #expect(report.outcome("example.com") == .skipped(why: "cancelled") && !report.hasFailure)
    bench.issuer.behave("example.com", .good)
    var other = managed()
    other.identifiers.append(.dns("www.example.com"))
    let store = try CertStore.open(root: bench.store.root)
    #expect(await bench.executor(store: store).run([managed()]).isRenewed("example.com"))
    let requests = bench.issuer.requests
    #expect(requests[1].resuming == "https://ca.test/order/example.com")
    #expect(requests[1].key.publicKeyInfo == requests[0].key.publicKeyInfo)

    bench.issuer.behave("example.com", .cutOffAfterOrder)
    _ = await bench.run([managed()], force: .all)
    bench.issuer.behave("example.com", .good)
    #expect(await bench.run([other]).isRenewed("example.com"))
    #expect(bench.issuer.requests[3].resuming == nil)
    #expect(bench.issuer.requests[3].key.publicKeyInfo != bench.issuer.requests[2].key.publicKeyInfo)
  }

  @Test("each renewal has a new key of the wanted type")
  func keys() async throws {
    let bench = try Bench(FakeIssuer())
    _ = await bench.run([managed()])
    #expect(await bench.run([managed(keyType: .ecP384)]).isRenewed("example.com"))
    #expect(bench.store.load(example, now: now)?.key.type == .ecP384)
    #expect(await bench.run([managed(keyType: .ecP384)]).outcome("example.com") != nil)
    #expect(bench.issuer.requests.count == 2)
  }

  @Test("a certificate that another process works on is skipped, which is no failure")
  func locked() async throws {
    let bench = try Bench(FakeIssuer())
    let lock = try bench.store.lock(example)
    let report = await bench.run([managed(), managed("b.example")])
    let why = "another process is working on it"
    #expect(report.outcome("example.com") == .skipped(why: why) && report.isRenewed("b.example"))
    #expect(!report.hasFailure)
    let isHeld = lock != nil
    #expect(isHeld)
  }

  @Test("two runs at the same time obtain one certificate")
  func concurrent() async throws {
    let bench = try Bench(FakeIssuer())
    async let first = bench.run([managed()])
    async let second = bench.run([managed()])
    let reports = await [first, second]
    #expect(reports.filter { $0.isRenewed("example.com") }.count == 1 && bench.issuer.requests.count == 1)
    #expect(reports.allSatisfy { !$0.hasFailure })
  }

  @Test("a dry run tells what would be done, asks nobody and writes nothing")
  func dryRun() async throws {
    let bench = try Bench(FakeIssuer(advice: RenewalAdvice(start: now, end: now + 1, askAgainAt: now)))
    let before = try FileSystem().list(bench.store.root)
    let report = await bench.run([managed()], isDryRun: true)
    #expect(report.outcome("example.com") == .wouldRenew(.missing))
    #expect(bench.issuer.requests.isEmpty && bench.issuer.adviceQuestions == 0)
    #expect(try bench.store.ledger(now: now) == [])
    #expect(try FileSystem().list(bench.store.root).filter { $0 != "lock" } == before.filter { $0 != "lock" })
  }

  @Test("the CA's advice is asked for in time, kept, and followed; the renewal names what it replaces")
  func advice() async throws {
    let advice = RenewalAdvice(start: now + 2 * day, end: now + 4 * day, askAgainAt: now + day)
    let bench = try Bench(FakeIssuer(advice: advice))
    _ = await bench.run([managed()])
    let idle = await bench.run([managed()])
    #expect(idle.outcome("example.com") == .notDue(until: now + 3 * day))
    _ = await bench.run([managed()])
    #expect(bench.issuer.adviceQuestions == 1)
    bench.pass(seconds: 3 * day - 600)
    let report = await bench.run([managed()])
    #expect(report.isRenewed("example.com") && bench.issuer.adviceQuestions == 2)
    let replaced = try #require(bench.issuer.requests.last?.replaces)
    #expect(bench.store.renewalRecord(example)?.certificateID == replaced)
  }

  @Test("an unknown issuer and a wrong clock are failures of their certificates")
  func refusals() async throws {
    let bench = try Bench(FakeIssuer())
    let report = await bench.run([managed(issuer: "none"), managed("b.example")])
    #expect(report.outcome("example.com") == .failed(why: "there is no issuer called none"))
    #expect(report.isRenewed("b.example"))
    bench.pass(seconds: -30 * day)
    #expect(await bench.run([managed("c.example")]).hasFailure)
    #expect(bench.issuer.requests.count == 1)
  }

  @Test("a full disk at any call costs no certificate that is served, and the next run succeeds")
  func fullDisk() async throws {
    for n in stride(from: 1, through: 400, by: Tier.isAll ? 3 : 12) {
      let bench = try Bench(FakeIssuer())
      _ = await bench.run([managed()])
      let counter = CallCounter(failing: n, code: 28)
      let store: CertStore
      do { store = try CertStore.open(root: bench.store.root, fs: counter.fileSystem()) } catch { continue }
      _ = await bench.executor(store: store).run([managed()], force: .all)
      let served = try #require(bench.store.load(example, now: now), "call \(n)")
      #expect(served.chain.leaf.matches(served.key), "call \(n)")
      bench.pass(seconds: 7200)
      #expect(await bench.run([managed()], force: .all).isRenewed("example.com"), "call \(n)")
      if counter.calls.count < n { return }
    }
    Issue.record("never without a failure")
  }
}
