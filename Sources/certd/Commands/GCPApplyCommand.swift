import ArgumentParser
import GCP
import OS
import Synchronization

struct GCPApplyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apply",
    abstract: "Make Google's load balancer what the configuration says, from certificate to address.",
    discussion: """
      Example: certd gcp apply --yes

      Shows the plan, asks, and makes the changes in the order in which they depend on each other. May be \
      interrupted anywhere and run again. Exit status: 0 everything is as configured; 1 something failed or was \
      declined; 2 the configuration is not valid.
      """)

  @OptionGroup var options: LoadBalancerOptions
  @Flag(help: "Do not ask.") var yes = false

  func run() async throws {
    do throws(SetupError) {
      let job = try await LoadBalancerJob(options, try World())
      do throws(GCPError) { try await apply(job) } catch { throw .other("\(error)") }
    } catch { throw Failure.exit(error) }
  }

  private func apply(_ job: LoadBalancerJob) async throws(GCPError) {
    let meter = ProgressMeter(isQuiet: options.quiet)
    let applier = job.applier { meter.tell($0) }
    let plan = try await applier.plan(adopts: options.adopt)
    if !options.quiet {
      for warning in job.warnings { Output.error("warning: \(warning)") }
      Output.error(plan.text)
    }
    if let obstacle = plan.obstacles.first {
      throw GCPError("applying the plan", .refusedHere(obstacle.description))
    }
    if !plan.isEmpty {
      try confirm()
      meter.expect(plan.changes.count { $0.action != .keep })
      try await applier.apply(plan, adopts: options.adopt)
      try await job.push()
    }
    report(try await applier.outcome())
  }

  private func confirm() throws(GCPError) {
    if yes { return }
    guard Sys.isTerminal(0), Sys.isTerminal(2) else {
      throw GCPError(
        "applying the plan", .refusedHere("nobody is there to be asked"), remedy: "add --yes")
    }
    Output.error("Make these changes? Only 'yes' is taken for it:")
    guard readLine() == "yes" else {
      throw GCPError("applying the plan", .refusedHere("declined; nothing was changed"))
    }
  }

  private func report(_ outcome: ChainApplier.Outcome) {
    if options.output == .json {
      let json: JSONValue = [
        "address": .string(outcome.address), "certificates": JSONValue(outcome.certificates.map(\.selfLink)),
        "proxy": .string(outcome.proxy.selfLink), "rule": .string(outcome.rule.selfLink),
      ]
      return Output.line(json.indentedText)
    }
    if options.quiet { return }
    Output.table(
      [["address", outcome.address]] + outcome.certificates.map { ["certificate", $0.selfLink] } + [
        ["proxy", outcome.proxy.selfLink], ["rule", outcome.rule.selfLink],
      ])
  }
}

/// Tells on standard error how far it is: a line for each change that begins, with how many are done.
final class ProgressMeter: Sendable {
  private struct State {
    var expected = 0
    var done = 0
  }

  private let state = Mutex(State())
  private let isQuiet: Bool

  init(isQuiet: Bool) { self.isQuiet = isQuiet }

  /// How many changes there are to be.
  func expect(_ count: Int) { state.withLock { $0.expected = count } }

  /// Tells of one.
  func tell(_ progress: ChainApplier.Progress) {
    let (done, expected) = state.withLock { state in
      if case .done = progress { state.done += 1 }
      return (state.done, state.expected)
    }
    if isQuiet { return }
    switch progress {
    case .begins(let words): Output.error("[\(done)/\(expected)] \(words)")
    case .done(let words): Output.error("[\(done)/\(expected)] done: \(words)")
    }
  }
}
