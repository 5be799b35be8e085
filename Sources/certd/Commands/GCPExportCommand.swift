import ArgumentParser
import Configuration
import GCP

struct GCPExportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write the load balancer as Terraform's configuration, with import blocks.",
    discussion: """
      Example: certd gcp export terraform > edge.tf

      Asks Google nothing. 'terraform plan' then imports what 'certd gcp apply' made. certd can go on renewing the \
      proxy's certificates, which Terraform is told to leave alone. Values of header fields become variables. Exit \
      status: 0 written; 2 the configuration is not valid.
      """)

  @Argument(help: "terraform.") var format: Format
  @OptionGroup var options: LoadBalancerOptions

  enum Format: String, CaseIterable, ExpressibleByArgument { case terraform }

  func run() async throws {
    do throws(SetupError) {
      let configuration = try options.configuration()
      guard let settings = configuration.gcp, let balancer = settings.loadBalancer else {
        throw .configuration(
          "\(configuration.file): there is no section gcp.load_balancer; see docs/gcp-load-balancer.md")
      }
      var chain = try LoadBalancerChain(configuration, balancer, project: settings.project).settings
      let names = try LoadBalancerChain.certificates(configuration, balancer)
      let store = try StoreLocation.openPresent(options.store ?? configuration.store) {
        Output.error("certd: store: \($0)")
      }
      if balancer.route == .classic {
        for case .here(let deployment) in names.map({ GoogleCloud.deployment($0, configuration, store) }) {
          chain.certificates.append(
            deployment.link(prefix: settings.namePrefix, project: settings.project, scope: chain.scope))
        }
      } else {
        Output.error("certd: what the proxy has of Certificate Manager is certd's and not exported")
      }
      Output.line(TerraformExport(chain, project: settings.project).text)
    } catch { throw Failure.exit(error) }
  }
}
