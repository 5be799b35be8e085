import ArgumentParser
import CertStore
import Configuration

/// For commands that only look at the store.
struct StoreOptions: ParsableArguments {
  @Option(name: .shortAndLong, help: "Configuration file that names the store.")
  var config: String?

  @Option(help: "Directory of the certificate store.")
  var store: String?

  @Option(name: .shortAndLong, help: "Output: table, json or yaml.")
  var output: OutputFormat = .table

  /// Opens the store, which is made if it is not there.
  func open() throws(SetupError) -> CertStore {
    try StoreLocation.open(try named()) { Output.error("certd: store: \($0)") }
  }

  /// Opens the store; nil when it is not there.
  func openPresent() throws(SetupError) -> CertStore? {
    try StoreLocation.openPresent(try named()) { Output.error("certd: store: \($0)") }
  }

  /// Where the store is or would be.
  func path() throws(SetupError) -> String { StoreLocation.path(try named()) }

  private func named() throws(SetupError) -> String? { try Self.named(store, config) }

  /// The store that flags or the configuration name; nil for the usual one.
  static func named(_ store: String?, _ config: String?) throws(SetupError) -> String? {
    if let store { return store }
    let source = ConfigurationSource.usual(config, store: nil)
    guard case .file = source else { return nil }
    return try source.read().configuration.store
  }
}
