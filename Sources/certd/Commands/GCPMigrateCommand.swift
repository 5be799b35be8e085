import ArgumentParser
import Configuration
import GCP
internal import JSON

struct GCPMigrateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "migrate", abstract: "Move a target from certificates that Google manages to ours.",
    discussion: """
      Example: certd gcp migrate edge --config certd.yaml

      Attaches ours beside them, reads them back, and then takes those off whose every domain ours cover: the proxy \
      has a valid certificate for each of its names at every instant. The managed certificates themselves stay. Exit \
      status: 0 when it is done; 1 when something failed; 2 when the configuration is not valid.
      """)

  @Argument(help: "Name of the target proxy under gcp.targets.") var proxy: String
  @Option(help: "Its region, when several have the name.") var region: String?
  @Option(help: "target-https-proxy or target-ssl-proxy, when both have the name.") var kind: String?
  @OptionGroup var options: GCPOptions

  func validate() throws {
    guard let kind, GCP.Target.Kind(rawValue: kind) == nil else { return }
    throw ValidationError("\(kind) is not a kind; use target-https-proxy or target-ssl-proxy")
  }

  func run() async throws {
    let target: GCP.Target
    let report: MigrationReport
    do throws(SetupError) {
      target = try chosen(try options.read())
      let (cloud, store) = try await options.open()
      let request = cloud.request(store)
      report = await cloud.pusher.migrate(
        target, Array(request.deployments.values), missing: request.missing)
    } catch { throw Failure.exit(error) }
    options.tell(json(report)) {
      for line in report.push.lines { Output.line(line) }
      for link in report.detached {
        Output.line("\(link.name): managed by Google, taken off; it still exists")
      }
      for (link, why) in report.kept { Output.line("\(link.name): managed by Google, stays: \(why)") }
    }
    // What is managed is told above.
    for failure in report.push.targets.compactMap(\.failure) + [report.failure].compactMap(\.self) {
      Output.error("certd: \(target): \(failure)")
    }
    if report.hasFailed { throw ExitStatus.failed }
  }

  private func chosen(_ configuration: Configuration) throws(SetupError) -> GCP.Target {
    let all = GoogleCloud.targets(configuration)
    let found = all.filter {
      $0.name == proxy && (kind == nil || $0.kind.rawValue == kind)
        && (region == nil || $0.scope == region.map { .region($0) })
    }
    guard let first = found.first else {
      let hint = Configuration.hint(for: proxy, among: all.map(\.name)).map { "; \($0)" } ?? ""
      throw .other("there is no target \(proxy) under gcp.targets\(hint)")
    }
    guard found.count == 1 else {
      throw .other("several targets are called \(proxy): give --kind or --region")
    }
    return first
  }

  private func json(_ report: MigrationReport) -> JSONValue {
    var value = report.push.json
    value["detached"] = JSONValue(report.detached.map(\.path))
    value["kept"] = .array(
      report.kept.map { ["certificate": .string($0.link.path), "why": .string($0.why)] })
    value["error"] = report.failure.map { .string("\($0)") }
    return value
  }
}
