import ArgumentParser
import GCP
import OS

struct GCPImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Write the certd.yaml that takes over a load balancer of Pulumi's or Terraform's.",
    discussion: """
      Example: pulumi stack export > stack.json && certd gcp import pulumi stack.json > certd.yaml

      Reads 'pulumi stack export', a Terraform state, or 'terraform show -json' of a state or a plan; '-' is standard \
      input. Asks Google nothing. What could not be carried is told on standard error. Exit status: 0 written; 1 the file \
      cannot be imported.
      """)

  @Argument(help: "pulumi or terraform.") var format: Format
  @Argument(help: "The file; - for standard input.") var file: String
  @Option(help: "Name of the target proxy, where the file has several.") var proxy: String?

  enum Format: String, CaseIterable, ExpressibleByArgument { case pulumi, terraform }

  func run() throws {
    let made: ChainImport
    do {
      let path = file == "-" ? "/dev/stdin" : file
      let bytes = try FileSystem().read(
        path, limitInBytes: ChainImport.maximumFileBytes, followingLinks: true)
      made = try ChainImport(bytes, format == .pulumi ? .pulumi : .terraform, proxy: proxy)
    } catch {
      Output.error("certd: \(file): \(error)")
      throw ExitStatus.failed
    }
    Output.line(made.yaml)
    for note in made.notes { Output.error("not carried, or worth a look: \(note)") }
  }
}
