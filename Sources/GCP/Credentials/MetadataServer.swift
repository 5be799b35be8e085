internal import HTTP
internal import JSON

/// The metadata server of a machine in Google's cloud: tokens of the account that the machine runs as.
struct MetadataServer: TokenSource {
  private let base: String
  private let isNamed: Bool
  private let pingAddress: String
  private let timeoutSeconds: Double
  private let call: TokenCall

  /// How long one answer may take unless GCE_METADATA_TIMEOUT says otherwise, in seconds.
  static let defaultTimeoutSeconds = 3.0
  /// How often it is looked for.
  static let pings = 3

  /// Nil when NO_GCE_CHECK says not to look.
  init?(variables: [String: String], call: TokenCall) {
    let host = variables["GCE_METADATA_HOST"] ?? variables["GCE_METADATA_ROOT"] ?? ""
    if host.isEmpty, variables["NO_GCE_CHECK"]?.lowercased() == "true" { return nil }
    isNamed = !host.isEmpty
    base = "http://\(isNamed ? host : "metadata.google.internal")"
    pingAddress = isNamed ? host : variables["GCE_METADATA_IP"] ?? "169.254.169.254"
    timeoutSeconds = min(
      max(
        variables["GCE_METADATA_TIMEOUT"].flatMap(Double.init) ?? Self.defaultTimeoutSeconds, 0.1), 60)
    self.call = call
  }

  var description: String { "the account of this machine (\(base))" }

  private static let flavor: Fields = [.init("Metadata-Flavor", "Google")]

  /// Whether there is one here.
  func isPresent() async -> Bool {
    if isNamed { return true }
    guard let url = URL("http://\(pingAddress)/computeMetadata/") else { return false }
    for _ in 0..<Self.pings {
      let answer = try? await call.transport.send(
        HTTP.Request("GET", url, fields: Self.flavor), deadlineSeconds: timeoutSeconds)
      if let answer { return answer.fields["Metadata-Flavor"] == "Google" }
    }
    return false
  }

  func obtain() async throws(GCPError) -> AccessToken {
    let path = "/computeMetadata/v1/instance/service-accounts/default/token"
    let step = "obtaining a token from the metadata server \(base)"
    guard let url = URL("\(base)\(path)?scopes=\(percentEncoded(Credentials.scope))") else {
      throw GCPError(step, .credentials("GCE_METADATA_HOST is not a host"))
    }
    let response = try await call.send(
      HTTP.Request("GET", url, fields: Self.flavor), step: step,
      deadlineSeconds: max(timeoutSeconds, TokenCall.seconds / 3))
    // Somebody else may answer at this address.
    guard response.fields["Metadata-Flavor"] == "Google" else {
      throw GCPError(step, .credentials("what answers there is not Google's metadata server"))
    }
    guard let answer = try? JSONValue(parsing: response.body) else {
      throw GCPError(step, .unusable("not JSON"))
    }
    return try call.token(answer, step: step)
  }
}
