internal import Bytes
internal import HTTP
internal import JSON

/// A service account's token in exchange for another token (iamcredentials generateAccessToken).
struct Impersonation: Sendable {
  private let url: URL
  private let lifetimeSeconds: Int64
  private let delegates: [String]
  private let call: TokenCall

  /// How long a token is asked for unless the file says otherwise, in seconds.
  static let defaultLifetimeSeconds: Int64 = 3600

  /// Nil when the file names no account to become.
  init?(_ file: CredentialFile, call: TokenCall) throws(GCPError) {
    guard file.json["service_account_impersonation_url"] != nil else { return nil }
    url = try file.url("service_account_impersonation_url", override: nil, default: "")
    lifetimeSeconds = min(
      max(
        60,
        file.json["service_account_impersonation"]?["token_lifetime_seconds"]?.int
          ?? Self.defaultLifetimeSeconds), TokenCall.maximumLifetimeSeconds)
    delegates = file.json["delegates"]?.strings ?? []
    self.call = call
  }

  /// `service account a@p.iam.gserviceaccount.com`
  var account: String {
    let last = url.target.split(separator: "/").last ?? ""
    return "service account \(last.split(separator: ":").first ?? "")"
  }

  func exchange(_ token: AccessToken) async throws(GCPError) -> AccessToken {
    let step = "becoming \(account)"
    var body: JSONValue = ["scope": [.string(Credentials.scope)], "lifetime": .string("\(lifetimeSeconds)s")]
    if !delegates.isEmpty { body["delegates"] = JSONValue(delegates) }
    var request = HTTP.Request("POST", url, body: Array(body.text.utf8))
    request.fields.add("Content-Type", "application/json")
    request.fields.add("Authorization", "Bearer \(token.value)")
    let answer = try await call.json(request, step: step)
    guard let value = answer["accessToken"]?.string, TokenCall.isToken(value) else {
      throw GCPError(step, .unusable("there is no accessToken in it"))
    }
    let end = answer["expireTime"]?.string.flatMap(UnixTime.init(rfc3339:))
    return AccessToken(value, expires: end ?? call.environment.now() + lifetimeSeconds)
  }
}

/// Credentials that only serve to become a service account (`gcloud … --impersonate-service-account`).
struct ImpersonatedAccount: TokenSource {
  let source: any TokenSource
  let impersonation: Impersonation

  var description: String { "\(impersonation.account) by way of \(source.description)" }

  func obtain() async throws(GCPError) -> AccessToken {
    try await impersonation.exchange(try await source.obtain())
  }
}
