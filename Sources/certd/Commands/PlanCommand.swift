import ArgumentParser
import Bytes
import CertStore
import Configuration
import OS
import Renewal

struct PlanCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Show the renewals to come, the use of CA limits, and what outages are survived.",
    discussion: """
      Example: certd plan --days 90

      Asks no CA and changes nothing. With --simulate, years of renewals are lived through by the real planner, ledger \
      and executor, against CAs in memory that have outages, lose accounts and enforce their limits, on a machine that \
      is killed and whose clock jumps; the same seed gives the same story. Exit status: 0, or with --simulate 1 when a \
      certificate expired or a limit was broken; 2 when the configuration is not valid.
      """)

  @OptionGroup var options: ConfigurationOptions
  @Option(help: "How many days to look ahead.") var days = 30
  @Option(name: .shortAndLong, help: "Output: table, json or yaml.") var output = OutputFormat.table
  @Flag(help: "Simulate instead of looking ahead.") var simulate = false
  @Option(help: "With --simulate: how many years.") var years = 10
  @Option(help: "With --simulate: how many certificates, a third each of 160 hours, 45 and 90 days.")
  var certificates = 1000
  @Option(help: "With --simulate: the story's number.") var seed: UInt64 = 1

  /// The longest look ahead, in days.
  static let maximumDays = 3660
  /// The longest simulation, in years.
  static let maximumYears = 100
  /// The most certificates of a simulation.
  static let maximumCertificates = 100_000

  func validate() throws {
    guard (1...Self.maximumDays).contains(days) else {
      throw ValidationError("--days is from 1 to \(Self.maximumDays)")
    }
    guard (1...Self.maximumYears).contains(years) else {
      throw ValidationError("--years is from 1 to \(Self.maximumYears)")
    }
    guard (1...Self.maximumCertificates).contains(certificates) else {
      throw ValidationError("--certificates is from 1 to \(Self.maximumCertificates)")
    }
  }

  func run() async throws {
    if simulate { return try await simulation() }
    let plan: PlanDescription
    do throws(SetupError) { plan = try await look() } catch { throw Failure.exit(error) }
    if output.isForPrograms { return Output.line(try output.text(plan)) }
    plan.tell()
  }

  private func look() async throws(SetupError) -> PlanDescription {
    let source = options.source()
    let configuration = try RenewalJob.configuration(of: source)
    var named = options.store
    if named == nil, case .file = source { named = configuration?.store }
    let store = try StoreLocation.open(named) { Output.error("certd: store: \($0)") }
    let world = try World()
    var plan = PlanDescription(days: days)
    let jobs = try RenewalJob.all(source, configuration, store) { name, error in
      Output.error("certd: \(name): cannot be renewed: \(error)")
    }
    for job in jobs where !job.managed.isEmpty {
      plan.add(try await job.forecast(world, store, seconds: Int64(days) * 86_400))
    }
    return plan
  }

  private func simulation() async throws {
    let outcome: Simulation.Outcome
    let began = Clock.monotonicNanoseconds()
    do {
      outcome = try await Simulation(
        .init(days: years * 36_525 / 100, certificates: certificates, seed: seed)
      ).run()
    } catch { throw Failure.exit(.other("\(error)")) }
    let seconds = Double(Clock.monotonicNanoseconds() - began) / 1e9
    if output.isForPrograms {
      Output.line(try output.text(outcome))
    } else {
      Self.tell(outcome, seconds)
    }
    guard outcome.isGood else { throw ExitStatus.failed }
  }

  private static func tell(_ outcome: Simulation.Outcome, _ seconds: Double) {
    func shown(_ number: Double) -> String { "\((number * 100).rounded() / 100)" }
    Output.table([
      ["expired", "\(outcome.expiries)"], ["limits broken", "\(outcome.violations.count)"],
      ["issued", "\(outcome.issued)"], ["orders", "\(outcome.orders)"],
      ["failed validations", "\(outcome.failedValidations)"], ["refused for load", "\(outcome.refusals)"],
      ["accounts registered", "\(outcome.accounts)"], ["kills", "\(outcome.kills)"],
      ["days of outages", "\(outcome.outageDays)"], ["clock jumps", "\(outcome.clockJumps)"],
      ["orders per hour, mean", shown(outcome.meanOrdersPerHour)],
      ["orders per hour, peak", "\(outcome.peakOrdersPerHour)"], ["peak to mean", shown(outcome.peakToMean)],
      ["simulated in", "\(shown(seconds)) s"],
    ])
    for violation in outcome.violations.prefix(20) { Output.line(violation) }
  }
}

/// What `certd plan` tells.
struct PlanDescription: Encodable {
  struct Certificate: Encodable {
    let name: String
    let expiresAt: String?
    /// When it becomes due; nil when it is now.
    let dueAt: String?
    /// How long its CA may be out from then on, in hours.
    let survivesHours: Int?
    let standIns: [String]
  }

  struct Renewal: Encodable {
    let name: String
    let at: String
    let reason: String?
    let issuer: String
  }

  struct Limit: Encodable {
    let issuer: String
    let what: String
    let about: String
    let allowed: Int
    let windowHours: Int
    let used: Int
    let peak: Int
  }

  let days: Int
  var certificates: [Certificate] = []
  var renewals: [Renewal] = []
  var limits: [Limit] = []

  init(days: Int) { self.days = days }

  mutating func add(_ forecast: Forecast) {
    certificates += forecast.certificates.map {
      Certificate(
        name: $0.name.description, expiresAt: $0.expiresAt?.description, dueAt: $0.dueAt?.description,
        survivesHours: $0.survivesSeconds.map { Int($0 / 3600) }, standIns: $0.standIns)
    }
    renewals += forecast.renewals.map {
      Renewal(
        name: $0.name.description, at: $0.at.description, reason: $0.reason?.rawValue, issuer: $0.issuer)
    }
    renewals.sort { $0.at < $1.at }
    limits += forecast.usages.map {
      Limit(
        issuer: $0.issuer, what: $0.limit.subject.rawValue, about: $0.about, allowed: $0.limit.most,
        windowHours: Int($0.limit.windowSeconds / 3600), used: $0.now, peak: $0.peak)
    }
  }

  func tell() {
    guard !certificates.isEmpty else { return Output.line("no certificates") }
    Output.table(
      [["NAME", "EXPIRES", "DUE", "SURVIVES AN OUTAGE OF", "STAND-INS"]]
        + certificates.map {
          [
            $0.name, $0.expiresAt ?? "-", $0.dueAt ?? "now", $0.survivesHours.map { "\($0) h" } ?? "-",
            $0.standIns.isEmpty ? "-" : $0.standIns.joined(separator: ", "),
          ]
        })
    Output.line("")
    Output.line("Renewals in the next \(days) days: \(renewals.count)")
    if !renewals.isEmpty {
      Output.table(
        [["WHEN", "NAME", "BY", "WHY"]] + renewals.map { [$0.at, $0.name, $0.issuer, $0.reason ?? "again"] })
    }
    guard !limits.isEmpty else { return }
    Output.line("")
    Output.table(
      [["CA", "LIMIT", "WINDOW", "ALLOWED", "USED", "PEAK TO COME"]]
        + limits.map {
          [$0.issuer, $0.what, "\($0.windowHours) h", "\($0.allowed)", "\($0.used)", "\($0.peak)"]
        })
  }
}
