import ArgumentParser
import CertStore
import Configuration

/// For commands that only look at the store.
struct StoreOptions: ParsableArguments {
  @Option(name: .shortAndLong, help: "Configuration file that names the store.")
  var config: String?

  @Option(help: "Directory of the certificate store.")
  var store: String?

  enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

  @Option(name: .shortAndLong, help: "Output: text or json.")
  var output: Format = .text

  func open() throws(SetupError) -> CertStore {
    var named = store
    if named == nil, case .file = ConfigurationSource.usual(config, store: nil) {
      named = try ConfigurationSource.usual(config, store: nil).read().configuration.store
    }
    return try StoreLocation.open(named) { Output.error("certd: store: \($0)") }
  }
}
