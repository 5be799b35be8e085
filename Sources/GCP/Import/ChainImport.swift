internal import JSON

/// A chain of Google's that another program made, said as a configuration that takes it over.
public struct ChainImport: Sendable {
  /// What kind of file it is.
  public enum Format: String, Sendable, CaseIterable {
    /// `pulumi stack export`.
    case pulumi
    /// A Terraform state, or `terraform show -json` of a state or a plan.
    case terraform
  }

  /// The whole file `certd.yaml`.
  public let yaml: String
  /// The largest file, in bytes.
  public static let maximumFileBytes = ImportedState.maximumFileBytes
  /// What it could not carry, and what somebody should look at.
  public let notes: [String]

  /// Reads a file's bytes. `proxy` chooses one of several target proxies by its name.
  public init(_ bytes: [UInt8], _ format: Format, proxy: String? = nil) throws(ImportFailure) {
    let json: JSONValue
    do throws(JSONValue.Malformed) { json = try JSONValue(parsing: bytes) } catch {
      throw ImportFailure("it is not JSON")
    }
    let state =
      switch format {
      case .pulumi: try ImportedState(pulumi: json)
      case .terraform: try ImportedState(terraform: json)
      }
    var reader = try ImportedChainReader(state, proxy: proxy)
    reader.read()
    yaml = ImportedText(reader.chain, format).text
    notes = reader.notes
  }
}

/// What the configuration will say.
struct ImportedChain: Sendable {
  struct Route: Sendable, Equatable {
    var hosts: [String]
    var paths: [String] = []
    var service: String
  }

  struct Group: Sendable {
    /// `instance_group` or `neg`.
    var key: String
    var path: String
    /// `max_rate` and its number, say.
    var measure: (key: String, value: String)?
    var namedPort: String?
  }

  struct Service: Sendable {
    var name: String
    var proto = "http1"
    var policy: String?
    var port = "8000"
    var healthPath: String?
    var grpc: String?
    var healthPort: String?
    var interval = 5
    var timeout = 5
    var healthy = 2
    var unhealthy = 2
    var groups: [Group] = []
  }

  var project = ""
  var name = ""
  var isSSL = false
  var region: String?
  var network: String?
  var address: String?
  var ipv6Address: String?
  var redirects = false
  var sslPolicy: String?
  var usesManager = false
  var affinity: String?
  var timeout = 0
  var drain: Int?
  var routes: [Route] = []
  var services: [Service] = []
  /// Resources whose names differ from the usual ones.
  var names: [String: String] = [:]

  /// Notes what a resource is called, if it is not called so anyway.
  mutating func call(_ kind: ChainKind, _ usual: String, _ actual: String) {
    if usual != actual { names["\(kind.collection)/\(usual)"] = actual }
  }
}
