import ArgumentParser
import CertStore
import Configuration
import OS
import Renewal

struct RenewCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "renew", abstract: "Renew what is due, once; for cron and timers.",
    discussion: """
      Example: 17 3,15 * * * certd renew --quiet

      Safe to run as often as one likes, also beside 'certd run'. Exit status: 0 when everything due was renewed \
      or nothing was due; 1 when a certificate or a deploy hook failed; 2 when the configuration is not valid. \
      With --detailed-exit-code: 0 nothing has changed; 3 something was renewed (with --dry-run: would be), all well; \
      1 a renewal failed; 4 every renewal succeeded, but a deploy failed.
      """)

  @OptionGroup var options: ConfigurationOptions
  @Flag(help: "Renew also what is not due.") var force = false
  @Flag(name: .customLong("dry-run"), help: "Tell what would be done; ask no CA, change nothing.")
  var dryRun = false
  @Option(help: "Only the certificate of this name; may be repeated.") var name: [String] = []
  @Flag(name: .shortAndLong, help: "Say nothing unless something fails.") var quiet = false
  @Flag(
    name: .customLong("detailed-exit-code"), help: "Tell unchanged, renewed and failed apart (see below).")
  var detailedExitCode = false
  @Option(name: .shortAndLong, help: "Output: table, json or yaml.") var output = OutputFormat.table
  @Flag(name: .customLong("no-delay"), help: "Begin at once, also when not on a terminal.") var noDelay =
    false

  /// The longest random delay before anything is ordered, in seconds: all machines' cron jobs start at the same
  /// minute.
  static let maximumDelaySeconds = 480.0

  func run() async throws {
    let outcome: RenewOutcome
    do throws(SetupError) { outcome = try await renew() } catch { throw Failure.exit(error) }
    if output.isForPrograms { Output.line(try output.text(outcome.description)) }
    if outcome.hasFailed { throw ExitStatus.failed }
    if outcome.hasFailedDeploy { throw detailedExitCode ? ExitStatus.deployFailed : ExitStatus.failed }
    if outcome.hasRenewed, detailedExitCode { throw ExitStatus.renewed }
  }

  private func renew() async throws(SetupError) -> RenewOutcome {
    let isTelling = output == .table
    var outcome = RenewOutcome(isDescribed: !isTelling)
    let quiet = quiet || !isTelling
    func fail(_ why: String) {
      if isTelling { Output.error("certd: \(why)") }
      outcome.fail(why)
    }
    let source = options.source()
    let configuration = try RenewalJob.configuration(of: source)
    var named = options.store
    if named == nil, case .file = source { named = configuration?.store }
    let store = try StoreLocation.open(named) { Output.error("certd: store: \($0)") }
    let world = try World()
    var wanted: Set<LineageName> = []
    for text in name {
      guard let lineage = LineageName(text) else { throw .other("\(text) is not the name of a certificate") }
      wanted.insert(lineage)
    }
    let mustDelay = !noDelay && !force && !Sys.isTerminal(0) && !Sys.isTerminal(1)
    var hasDelayed = false
    func delay() async {
      guard mustDelay, !hasDelayed else { return }
      hasDelayed = true
      try? await World.sleep(seconds: World.random() * Self.maximumDelaySeconds)
    }
    var seen: Set<LineageName> = []
    let jobs = try RenewalJob.all(source, configuration, store) { name, error in
      guard wanted.isEmpty || wanted.contains(name) else { return }
      fail("\(name): cannot be renewed: \(error)")
      seen.insert(name)
    }
    if jobs.allSatisfy(\.managed.isEmpty), !outcome.hasFailed, !quiet {
      Output.line(
        "nothing to renew: no certificate was issued into \(store.root), nor does a configuration name one")
    }
    for job in jobs {
      let managed = job.managed.filter { wanted.isEmpty || wanted.contains($0.name) }
      seen.formUnion(managed.map(\.name))
      guard !managed.isEmpty || wanted.isEmpty else { continue }
      var chosen = job
      chosen.managed = managed
      let progress = quiet ? nil : StepProgress()
      chosen.progress = progress
      do throws(SetupError) {
        let report = try await chosen.run(
          world, store, force: force ? .all : .impatient, isDryRun: dryRun, beforeOrders: delay,
          warn: {
            progress?.clear()
            if !quiet { Output.error("certd: \($0)") }
          })
        progress?.clear()
        if isTelling { ReportPrinter(quiet: quiet).tell(report) }
        outcome.add(report)
      } catch {
        progress?.clear()
        fail("\(error)")
      }
    }
    for missing in wanted.subtracting(seen).sorted() {
      fail("there is no certificate \(missing) to renew; 'certd list' shows all")
    }
    return outcome
  }
}
