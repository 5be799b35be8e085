import ArgumentParser

struct GCPCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gcp", abstract: "Google Cloud: the load balancer in front, and its certificates.",
    discussion: "Example: certd gcp plan",
    subcommands: [GCPPlanCommand.self, GCPApplyCommand.self])
}
