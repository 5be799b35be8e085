internal import HTTP
internal import JSON

/// A person's credentials, as `gcloud auth application-default login` leaves them (RFC 6749 §6).
struct AuthorizedUser: TokenSource {
  private let clientID: String
  private let clientSecret: String
  private let refreshToken: String
  private let tokenURL: URL
  private let path: String
  let quotaProject: String?
  private let call: TokenCall

  init(_ file: CredentialFile, tokenEndpoint: String?, call: TokenCall) throws(GCPError) {
    clientID = try file.text("client_id")
    clientSecret = try file.text("client_secret")
    refreshToken = try file.text("refresh_token")
    tokenURL = try file.url("token_uri", override: tokenEndpoint, default: ServiceAccount.audience)
    path = file.path
    quotaProject = file.json["quota_project_id"]?.string.flatMap { TokenCall.isToken($0) ? $0 : nil }
    self.call = call
  }

  var description: String { "the user of \(path)" }

  func obtain() async throws(GCPError) -> AccessToken {
    let step = "obtaining a token for \(description) from \(tokenURL.authority)"
    do throws(GCPError) {
      let answer = try await call.form(
        tokenURL,
        [
          ("grant_type", "refresh_token"), ("client_id", clientID), ("client_secret", clientSecret),
          ("refresh_token", refreshToken),
        ], step: step)
      return try call.token(answer, step: step)
    } catch {
      guard error.problem?.reason == "invalid_grant" else { throw error }
      throw GCPError(
        error.step, error.cause, remedy: "sign in again: gcloud auth application-default login")
    }
  }
}
