import ArgumentParser
import GCP
internal import JSON

struct GCPDestroyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "destroy", abstract: "Take down the load balancer that 'gcp apply' has made.",
    discussion: """
      Example: certd gcp destroy --yes

      Shows what would go, asks, and removes it in the order in which it depends on each other: only what is marked as \
      this load balancer's own, and certificates that this installation uploaded for it and nobody else uses. The \
      address stays, for DNS may still point at it, unless --addresses is given. May be interrupted anywhere and run \
      again. Exit status: 0 nothing of it is left; 1 something failed or was declined; 2 the configuration is not valid.
      """)

  @OptionGroup var options: LoadBalancerOptions
  @Flag(help: "Do not ask.") var yes = false
  @Flag(help: "Give the reserved address back as well; it does not come back.") var addresses = false

  func run() async throws {
    do throws(SetupError) {
      let job = try await LoadBalancerJob(options, try World(), isForRemoval: true)
      do throws(GCPError) { try await destroy(job) } catch { throw .other("\(error)") }
    } catch { throw Failure.exit(error) }
  }

  private func destroy(_ job: LoadBalancerJob) async throws(GCPError) {
    let meter = ProgressMeter(isQuiet: options.quiet)
    let plan = try await job.removal(addresses: addresses)
    if !options.quiet, !plan.isEmpty { Output.error(plan.text) }
    if let obstacle = plan.obstacles.first {
      throw GCPError("taking the load balancer down", .refusedHere(obstacle.description))
    }
    if !plan.isEmpty {
      try options.confirm(isConfirmed: yes, "taking the load balancer down", "Remove all this?")
      meter.expect(plan.changes.count)
      try await job.applier { meter.tell($0) }.apply(plan, adopts: false)
    }
    let removed = plan.changes.map(\.resource.label) + (try await job.removeRemains())
    if options.output.isForPrograms {
      return Output.line(options.output.text(JSONValue.object(["removed": JSONValue(removed)])))
    }
    if options.quiet { return }
    Output.line(
      removed.isEmpty
        ? "nothing of the load balancer \(job.chain.name) is there" : "\(removed.count) resources removed")
  }
}

struct GCPOutputsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "outputs", abstract: "Print the address, certificates, proxy and rule of the load balancer.",
    discussion: """
      Example: certd gcp outputs address

      Reads what is there and changes nothing. With a name only that value is printed, for scripts. Exit status: 0 \
      printed; 1 there is no such load balancer; 2 the configuration is not valid.
      """)

  @OptionGroup var options: LoadBalancerOptions
  @Argument(help: "address, address_ipv6, certificates, proxy or rule; none for all.") var name: String?

  func validate() throws {
    if let name, !["address", "address_ipv6", "certificates", "proxy", "rule"].contains(name) {
      throw ValidationError(
        "\(name) is no output; there are address, address_ipv6, certificates, proxy and rule")
    }
  }

  func run() async throws {
    let outcome: ChainApplier.Outcome
    do throws(SetupError) {
      let job = try await LoadBalancerJob(options, try World(), isForRemoval: true)
      do throws(GCPError) { outcome = try await job.applier().outcome() } catch { throw .other("\(error)") }
    } catch { throw Failure.exit(error) }
    guard let name else { return outcome.tell(options.output) }
    for row in outcome.rows where row[0] == (name == "certificates" ? "certificate" : name) {
      Output.line(row[1])
    }
  }
}

extension ChainApplier.Outcome {
  /// A row for each value, its name first.
  fileprivate var rows: [[String]] {
    [["address", address]] + (ipv6Address.map { [["address_ipv6", $0]] } ?? [])
      + certificates.map { ["certificate", $0.selfLink] } + [
        ["proxy", proxy.selfLink], ["rule", rule.selfLink],
      ]
  }

  /// Prints it all.
  func tell(_ format: OutputFormat) {
    guard format.isForPrograms else { return Output.table(rows) }
    var json: [String: JSONValue] = [
      "address": .string(address), "certificates": JSONValue(certificates.map(\.selfLink)),
      "proxy": .string(proxy.selfLink), "rule": .string(rule.selfLink),
    ]
    json["address_ipv6"] = ipv6Address.map { .string($0) }
    Output.line(format.text(JSONValue.object(json)))
  }
}
