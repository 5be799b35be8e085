import ArgumentParser
import GCP
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
      try options.confirm(isConfirmed: yes, "applying the plan", "Make these changes?")
      meter.expect(plan.changes.count { $0.action != .keep })
      try await applier.apply(plan, adopts: options.adopt)
      try await job.push()
    }
    let outcome = try await applier.outcome()
    if options.output.isForPrograms || !options.quiet { outcome.tell(options.output) }
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
