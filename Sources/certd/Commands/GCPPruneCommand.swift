import ArgumentParser
import Configuration
import GCP
internal import JSON
import OS

struct GCPPruneCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prune", abstract: "List what certd made and nobody uses, and remove it.",
    discussion: """
      Example: certd gcp prune --yes

      Only resources whose description says that certd made them for this project are touched: certificates, maps, and \
      what belongs to load balancers to which no forwarding rule leads, as an interrupted 'gcp apply' leaves them. Without --yes it asks \
      on a terminal, and elsewhere only lists. Exit status: 0 when nothing is left; 1 when something is; 2 when the \
      configuration is not valid.
      """)

  @Flag(name: .shortAndLong, help: "Remove without asking.") var yes = false
  @OptionGroup var options: GCPOptions

  func run() async throws {
    let pruner: Pruner
    let orphans: [Orphan]
    do throws(SetupError) {
      let (cloud, store) = try await options.open()
      pruner = Pruner(cloud.pusher)
      do throws(GCPError) { orphans = try await pruner.orphans(cloud.request(store)) } catch {
        throw .other("\(error)")
      }
    } catch { throw Failure.exit(error) }
    if options.output == .table, !options.quiet || !yes {
      for orphan in orphans { Output.line(orphan.description) }
    }
    let goes = !orphans.isEmpty && (yes || asks(orphans.count))
    let outcomes = goes ? await pruner.remove(orphans) : []
    let removed = outcomes.filter { $0.failure == nil }.map(\.orphan.link.path)
    options.tell([
      "orphans": JSONValue(orphans.map(\.link.path)), "removed": JSONValue(removed),
    ]) {
      if orphans.isEmpty {
        Output.line("no orphans")
      } else if goes {
        Output.line("\(removed.count) removed")
      }
    }
    for (orphan, failure) in outcomes { if let failure { Output.error("certd: \(orphan.link): \(failure)") } }
    if removed.count < orphans.count {
      if !goes { Output.error("certd: nothing was removed; --yes removes them") }
      throw ExitStatus.failed
    }
  }

  private func asks(_ count: Int) -> Bool {
    guard Sys.isTerminal(0), Sys.isTerminal(1), options.output == .table else { return false }
    Output.line("Remove \(count == 1 ? "it" : "these \(count)")? [y/N]")
    return ["y", "yes"].contains(readLine()?.lowercased() ?? "")
  }
}

struct GCPPermissionsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "permissions", abstract: "List the IAM permissions that the configuration needs.",
    discussion: """
      Example: certd gcp permissions --output json

      Asks Google nothing. A custom role with the permissions for push is all that renewals need; status and prune \
      need the others beside.
      """)

  @OptionGroup var options: GCPOptions

  func run() async throws {
    let permissions: Permissions
    var chain: [String] = []
    do throws(SetupError) {
      let configuration = try options.read()
      guard let settings = configuration.gcp else {
        throw .configuration("there is no section gcp in the configuration; docs/gcp.md shows one")
      }
      permissions = Permissions(GoogleCloud.targets(configuration))
      if let balancer = settings.loadBalancer {
        chain = try LoadBalancerChain(configuration, balancer, project: settings.project).settings
          .requiredPermissions(project: settings.project).filter { !permissions.push.contains($0) }
      }
    } catch { throw Failure.exit(error) }
    options.tell([
      "push": JSONValue(permissions.push), "status": JSONValue(permissions.status),
      "prune": JSONValue(permissions.prune), "load_balancer": JSONValue(chain),
      "services": JSONValue(permissions.services),
    ]) {
      for (title, list) in [
        ("push, migrate", permissions.push), ("status, beside", permissions.status),
        ("prune, beside", permissions.prune),
        ("plan, apply, beside", chain), ("services to enable", permissions.services),
      ] where !list.isEmpty {
        Output.line("# \(title)")
        for one in list { Output.line(one) }
      }
    }
  }
}
