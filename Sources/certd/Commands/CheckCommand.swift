import ArgumentParser
import Configuration
import OS
import Proxy
import Telemetry

struct CheckCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Check the configuration and the files that it names.",
    discussion: "Example: certd check --config certd.yaml")

  @OptionGroup var options: ConfigurationOptions
  @Flag(name: .shortAndLong, help: "Say nothing when all is well.") var quiet = false

  func run() async throws {
    do throws(SetupError) {
      try await ConfigurationCheck(source: options.source(), quiet: quiet).run()
    } catch { throw Failure.exit(error) }
  }
}

/// Everything that a start would find out, found out before it.
struct ConfigurationCheck {
  let source: ConfigurationSource
  let quiet: Bool

  func run() async throws(SetupError) {
    let reading = try source.readToServe()
    for warning in reading.warnings { Output.error("warning: \(warning)") }
    let configuration = reading.configuration
    let backends = BackendRegistry { Output.error("warning: \($0)") }
    let loaded = try Credentials.load(configuration).whole()
    for remark in Credentials.remarks(configuration) {
      Output.error("warning: \(remark.file): \(remark.words)")
    }
    let managed = try ManagedCertificates.list(configuration, covered: { loaded.cover($0, besides: nil) })
    _ = try await ProxySettings(configuration: configuration, backends: backends).make()
    for warning in ListenerSecurity(configuration: configuration).warnings() {
      Output.error("warning: \(warning)")
    }
    try IssuerFactory.checkFiles(configuration)
    try FleetMember.check(configuration)
    if let file = configuration.admin.tokenFile { _ = try KeyFile.read(file, configuration) }
    try checkStart(configuration)
    if !quiet {
      Output.line(
        "\(configuration.file): ok; \(configuration.listeners.count) listeners, "
          + "\(configuration.routes.count) routes, \(configuration.services.count) services, "
          + "\(loaded.credentials.count) certificates from files, \(managed.count) obtained")
    }
  }

  /// What a start would find: a store or an access log that cannot be written, and ports that are not to be had. They may be
  /// for another user or held by the daemon itself, and then are only told.
  private func checkStart(_ configuration: Configuration) throws(SetupError) {
    do throws(SystemError) {
      try FileSystem().checkWritableDirectory(StoreLocation.path(configuration.store))
    } catch {
      guard error.isPermission else { throw .configuration("store: \(error)") }
      Output.error("warning: store: \(error)")
    }
    if let path = configuration.log.access?.file {
      do throws(SystemError) { try FileSystem().checkAppendable(path) } catch {
        guard error.isPermission else { throw .configuration("log.access: \(error)") }
        Output.error("warning: log.access: \(error)")
      }
    }
    let clients = DescriptorBudget.clients
    if configuration.areConnectionsChosen, configuration.limits.connections > clients {
      Output.error(
        "warning: limits.connections is \(configuration.limits.connections), and the descriptors that this user may have "
          + "are enough for \(clients) clients; raise the hard limit (LimitNOFILE=, ulimit -Hn), or lower it")
    }
    for listener in configuration.listeners where listener.address.port != 0 {
      let address = try ProxySettings.address(listener.address)
      do throws(SystemError) { _ = try ListeningSocket.open(address, sharesPort: false) } catch {
        let origin = configuration.error(at: listener.origin, "\(error)")
        let remedy =
          error.isAddressInUse
          ? "; unless that is certd itself, the start will fail"
          : error.isPermission ? "; ports below 1024 need root, or the capability CAP_NET_BIND_SERVICE" : ""
        guard error.isAddressInUse || error.isPermission else { throw .configuration("\(origin)") }
        Output.error("warning: \(origin)\(remedy)")
      }
    }
  }
}
