import Bytes
import CertStore
import Renewal
import TestRun
import Testing

@Suite(.ownThread) struct PaceTests {
  private let policy = Policy(builtAt: now - 365 * day)

  /// Plans for certificates that are all due, with so many days left each.
  private func plan(
    _ daysLeft: [Int64], ledger: [LedgerEntry] = [], force: Situation.Force = .none, steady: Double? = 0,
    records: [LineageName: RenewalRecord] = [:]
  ) -> Plan {
    let managed = daysLeft.indices.map { RenewalTests.managed("n\($0).example") }
    var have: [LineageName: HeldCertificate] = [:]
    for (index, left) in daysLeft.enumerated() {
      have[managed[index].name] = held(["n\(index).example"], left: left * day)
    }
    var situation = Situation(
      managed: managed, held: have, records: records, history: History(ledger, issuers: [:]), force: force,
      now: now)
    situation.steadyOrdersPerHour = steady
    return Plan.make(situation, policy)
  }

  @Test("a backlog is worked off in the order of expiry, so many in an hour, the others one after another")
  func backlog() {
    let plan = plan((0..<30).map { 20 - $0 / 3 })
    #expect(plan.renewals.count == 10)
    #expect(plan.renewals.first?.certificate.name.description == "n27.example")
    let waits = plan.actions.compactMap { action -> Int64? in
      if case .wait(let until, _) = action.decision { until - now } else { nil }
    }
    #expect(waits.count == 20 && waits == waits.sorted())
    #expect(waits.first == 3600 && waits.last.map { $0 > 3600 } == true)
  }

  @Test("orders of the last hour count, older ones do not")
  func window() {
    let recent = (0..<10).map { entry(.ordered, 60 * Int64($0) + 1, name: "x\($0).example") }
    #expect(plan([20], ledger: recent).renewals.isEmpty)
    let older = (0..<10).map { entry(.ordered, 3600 + Int64($0), name: "x\($0).example") }
    #expect(plan([20], ledger: older).renewals.count == 1)
  }

  @Test("many certificates allow more, and so does whatever would expire otherwise")
  func raised() {
    let many = (0..<100).map { _ in Int64(20) }
    #expect(plan(many).renewals.count == 10)
    #expect(plan(many, steady: 15).renewals.count == 30)
    // A hundred that expire in five hours, of which half are there to renew them.
    var situation = Situation(
      managed: many.indices.map { RenewalTests.managed("n\($0).example") }, now: now)
    for wanted in situation.managed {
      situation.held[wanted.name] = held([wanted.name.description], left: 5 * 3600)
    }
    situation.steadyOrdersPerHour = 0
    #expect(Plan.make(situation, policy).renewals.count == 40)
  }

  @Test("an operator's command leaves nothing for later, and what is missing waits for no turn")
  func unpaced() {
    let many = (0..<30).map { _ in Int64(20) }
    #expect(plan(many, force: .impatient).renewals.count == 30)
    let missing = Situation(managed: (0..<30).map { managed("n\($0).example") }, now: now)
    #expect(Plan.make(missing, policy).renewals.count == 30)
  }

  @Test("a CA that wants certificates renewed long before their time gets it at once")
  func urgentAdvice() {
    var situation = Situation(managed: (0..<30).map { managed("n\($0).example") }, now: now)
    for wanted in situation.managed {
      situation.held[wanted.name] = held([wanted.name.description], left: 80 * day)
      situation.records[wanted.name] = RenewalRecord(
        certificateID: "id.1", windowStart: now - 2 * day, windowEnd: now - day, chosen: now - day,
        askAgainAt: now + day)
    }
    situation.steadyOrdersPerHour = 0
    #expect(Plan.make(situation, policy).renewals.count == 30)
  }
}
