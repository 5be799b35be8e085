internal import HTTP
internal import JSON

/// The content of a file, or nil when it cannot be read.
public typealias FileReader = @Sendable (_ path: String) -> [UInt8]?

/// Finds whose tokens to use, in Google's order: a file that is named, `GOOGLE_APPLICATION_CREDENTIALS`,
/// gcloud's own file, the metadata server.
public struct Credentials: Sendable {
  /// The one scope that every interface used here accepts.
  static let scope = "https://www.googleapis.com/auth/cloud-platform"

  /// A file named in the configuration; goes before everything else.
  public var file: String?
  /// The process's environment variables.
  public var variables: [String: String]
  /// Overrides where tokens are asked for.
  public var tokenEndpoint: String?
  /// Overrides where another issuer's token is exchanged.
  public var exchangeEndpoint: String?
  private let read: FileReader
  private let call: TokenCall

  /// Where to look, and how.
  public init(
    file: String?, variables: [String: String], tokenEndpoint: String? = nil,
    exchangeEndpoint: String? = nil, read: @escaping FileReader,
    transport: any Transport, environment: Environment
  ) {
    self.file = file
    self.variables = variables
    self.tokenEndpoint = tokenEndpoint
    self.exchangeEndpoint = exchangeEndpoint
    self.read = read
    call = TokenCall(transport: transport, environment: environment)
  }

  /// The first source that is there. A file that is named and cannot be used is an error: nothing else is
  /// tried.
  public func source() async throws(GCPError) -> any TokenSource {
    if let file { return try self.source(at: file, named: "gcp.credentials") }
    if let path = variables["GOOGLE_APPLICATION_CREDENTIALS"], !path.isEmpty {
      return try source(at: path, named: "GOOGLE_APPLICATION_CREDENTIALS")
    }
    if let path = gcloudFile, let bytes = read(path) {
      return try source(CredentialFile(path, bytes), depth: 0)
    }
    if let server = MetadataServer(variables: variables, call: call), await server.isPresent() {
      return server
    }
    throw GCPError(
      "looking for Google credentials", .credentials("there are none"),
      remedy: "set gcp.credentials or GOOGLE_APPLICATION_CREDENTIALS to a key file, or run 'gcloud auth "
        + "application-default login', or run on a machine with a service account")
  }

  /// Where gcloud keeps its file: under CLOUDSDK_CONFIG, or the home directory.
  private var gcloudFile: String? {
    let name = "application_default_credentials.json"
    if let directory = variables["CLOUDSDK_CONFIG"], !directory.isEmpty { return "\(directory)/\(name)" }
    guard let home = variables["HOME"], !home.isEmpty else { return nil }
    return "\(home)/.config/gcloud/\(name)"
  }

  private func source(at path: String, named name: String) throws(GCPError) -> any TokenSource {
    guard let bytes = read(path) else {
      throw GCPError("reading Google credentials", .credentials("\(path), named by \(name), cannot be read"))
    }
    return try source(CredentialFile(path, bytes), depth: 0)
  }

  private func source(_ file: CredentialFile, depth: Int) throws(GCPError) -> any TokenSource {
    switch file.json["type"]?.string {
    case "service_account": return try ServiceAccount(file, tokenEndpoint: tokenEndpoint, call: call)
    case "authorized_user": return try AuthorizedUser(file, tokenEndpoint: tokenEndpoint, call: call)
    case "external_account":
      return try ExternalAccount(file, tokenEndpoint: exchangeEndpoint, reader: read, call: call)
    case "impersonated_service_account":
      guard depth == 0, let inner = file.json["source_credentials"],
        let impersonation = try Impersonation(file, call: call)
      else { throw file.wrong("source_credentials or service_account_impersonation_url is missing") }
      return ImpersonatedAccount(
        source: try source(CredentialFile(file.path, json: inner), depth: 1), impersonation: impersonation)
    case let type?: throw file.wrong("credentials of type \(type) are not supported")
    case nil: throw file.wrong("there is no type in it")
    }
  }
}

/// A credential file that was read. Nothing of its content but names of members gets into errors.
struct CredentialFile {
  let path: String
  let json: JSONValue

  init(_ path: String, _ bytes: [UInt8]) throws(GCPError) {
    guard let json = try? JSONValue(parsing: bytes), case .object = json else {
      throw GCPError("reading Google credentials", .credentials("\(path) is not a JSON object"))
    }
    self.init(path, json: json)
  }

  init(_ path: String, json: JSONValue) {
    self.path = path
    self.json = json
  }

  func wrong(_ why: String) -> GCPError {
    GCPError("reading Google credentials", .credentials("\(path): \(why)"))
  }

  func text(_ member: String) throws(GCPError) -> String {
    guard let text = json[member]?.string, !text.isEmpty else { throw wrong("\(member) is missing") }
    return text
  }

  func url(_ member: String, override: String?, default: String) throws(GCPError) -> URL {
    guard let url = URL(override ?? json[member]?.string ?? `default`) else {
      throw wrong("\(override == nil ? member : "the token endpoint") is not a URL")
    }
    return url
  }
}
