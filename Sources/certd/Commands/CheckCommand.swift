import ArgumentParser
import Configuration

struct CheckCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Check the configuration and the files that it names.",
    discussion: "Example: certd check --config certd.yaml")

  @OptionGroup var options: ConfigurationOptions
  @Flag(name: .shortAndLong, help: "Say nothing when all is well.") var quiet = false

  func run() async throws {
    do throws(SetupError) {
      let reading = try options.source().readToServe()
      for warning in reading.warnings { Output.error("warning: \(warning)") }
      let configuration = reading.configuration
      let backends = BackendRegistry { Output.error("warning: \($0)") }
      let loaded = try Credentials.load(configuration).whole()
      for remark in loaded.remarks { Output.error("warning: \(remark.file): \(remark.words)") }
      let managed = try ManagedCertificates.list(configuration, covered: loaded.cover)
      _ = try await ProxySettings(configuration: configuration, backends: backends).make()
      for warning in ListenerSecurity(configuration: configuration).warnings() {
        Output.error("warning: \(warning)")
      }
      try IssuerFactory.checkFiles(configuration)
      if !quiet {
        Output.line(
          "\(configuration.file): ok; \(configuration.listeners.count) listeners, "
            + "\(configuration.routes.count) routes, \(configuration.services.count) services, "
            + "\(loaded.credentials.count) certificates from files, \(managed.count) obtained")
      }
    } catch { throw Failure.exit(error) }
  }
}
