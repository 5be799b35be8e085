import Bytes
import CertStore
import PKI
import Renewal
import TestRun
import Testing

@Suite(.ownThread) struct ForecastTests {
  private func forecast(
    _ managed: [ManagedCertificate], _ held: [LineageName: HeldCertificate], ledger: [LedgerEntry] = [],
    records: [LineageName: RenewalRecord] = [:], limits: [IssuerLimit] = [], days: Int64 = 30
  ) -> Forecast {
    let policy = Policy(
      builtAt: now - 365 * day, issuers: ["ca": IssuerTraits(authority: "ca.example", limits: limits)])
    let situation = Situation(
      managed: managed, held: held, records: records, history: History(ledger, issuers: policy.issuers),
      now: now)
    return Forecast.make(situation, policy, seconds: days * day)
  }

  @Test("the calendar has each renewal when it becomes due, with its rule, and those after it")
  func calendar() {
    let short = managed("short.example")
    let long = managed("long.example")
    let advised = managed("advised.example")
    let missing = managed("missing.example")
    let made = forecast(
      [long, short, advised, missing],
      [
        long.name: held(["long.example"], lifetime: 90 * day, left: 50 * day),
        short.name: held(["short.example"], lifetime: 6 * day, left: 5 * day),
        advised.name: held(["advised.example"], lifetime: 90 * day, left: 50 * day),
      ],
      records: [
        advised.name: RenewalRecord(certificateID: "id.1", chosen: now + 7 * day, askAgainAt: now + day)
      ], days: 10)
    let told = made.renewals.map { "\($0.name) \(($0.at - now) / day) \($0.reason?.rawValue ?? "again")" }
    #expect(
      told == [
        "missing.example 0 missing", "short.example 2 its lifetime runs out", "short.example 5 again",
        "advised.example 7 the CA suggests it", "short.example 8 again",
      ])
  }

  @Test("a certificate survives the time between its renewal and its expiry")
  func survives() throws {
    let wanted = ManagedCertificate(
      name: example, identifiers: [.dns("example.com")],
      issuers: [IssuerChoice("ca"), IssuerChoice("second")])
    let fresh = try #require(forecast([wanted], [example: held()]).certificates.first)
    #expect(fresh.survivesSeconds == 30 * day && fresh.standIns == ["second"])
    #expect(fresh.dueAt == now + 50 * day && fresh.expiresAt == now + 80 * day)
    let late = try #require(forecast([wanted], [example: held(left: 3 * day)]).certificates.first)
    #expect(late.survivesSeconds == 3 * day && late.dueAt == nil)
    let none = try #require(forecast([wanted], [:]).certificates.first)
    #expect(none.survivesSeconds == nil && none.expiresAt == nil)
  }

  @Test("each limit is told with what counts now and the most to come")
  func usage() throws {
    let limits = [
      IssuerLimit(.orders, most: 10, windowSeconds: 3 * 3600),
      IssuerLimit(.certificatesPerNameSet, most: 5, windowSeconds: 7 * day),
    ]
    let made = forecast(
      [managed()], [example: held(lifetime: 4 * day, left: 3 * day)],
      ledger: [entry(.ordered, 3600), entry(.issued, 3600)], limits: limits)
    let orders = try #require(made.usages.first { $0.limit.subject == .orders })
    #expect(orders.now == 1 && orders.peak == 1)
    // Every two days, so four in seven days.
    let same = try #require(made.usages.first { $0.limit.subject == .certificatesPerNameSet })
    #expect(same.now == 1 && same.peak == 4)
  }
}
