import Bytes
import COpenSSL
import OS
import PKI

/// Who may call: tokens, and the endpoints that give them.
struct Tokens: Sendable {
  /// Expiry by token, in seconds since the epoch.
  var known: [String: Int64] = [:]
  var counter = 0
  /// What the token endpoints were asked, by grant.
  var given = 0

  static let cloudScope = "https://www.googleapis.com/auth/cloud-platform"
  static let refreshToken = "1//0-refresh-token-of-the-tests"
  static let clientID = "tests.apps.googleusercontent.com"
  static let clientSecret = "client-secret-of-the-tests"
  static let subjectToken = "subject-token-of-the-tests"
  static let audience = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x"

  mutating func make(lifetime: Int64) -> String {
    counter += 1
    given += 1
    let token = "ya29.tests-\(counter)"
    known[token] = Clock.wallSeconds() + lifetime
    return token
  }

  func check(_ authorization: String?) throws(Failure) {
    guard let authorization, authorization.hasPrefix("Bearer ") else {
      throw Failure(
        401, "required", "Request is missing required authentication credential.",
        canonical: "UNAUTHENTICATED")
    }
    let token = String(authorization.dropFirst("Bearer ".count))
    if let expiry = known[token], expiry > Clock.wallSeconds() { return }
    throw Failure(
      401, "authError", "Request had invalid authentication credentials.", canonical: "UNAUTHENTICATED")
  }

  /// Answers `/token`.
  mutating func answer(_ form: [String: String], key: PrivateKey, lifetime: Int64) -> (Int, JSON) {
    switch form["grant_type"] {
    case "urn:ietf:params:oauth:grant-type:jwt-bearer":
      if let wrong = Self.fault(of: form["assertion"] ?? "", key: key) {
        return Self.refusal("invalid_grant", "Invalid JWT: \(wrong)")
      }
    case "refresh_token":
      guard form["refresh_token"] == Self.refreshToken, form["client_id"] == Self.clientID else {
        return Self.refusal("invalid_grant", "Bad Request")
      }
      guard form["client_secret"] == Self.clientSecret else {
        return Self.refusal("invalid_client", "Unauthorized", 401)
      }
    case let other: return Self.refusal("unsupported_grant_type", "Invalid grant_type: \(other ?? "")")
    }
    return (200, grant(lifetime))
  }

  /// Answers `/v1/token`, the exchange of workload identity federation.
  mutating func exchange(_ form: [String: String], lifetime: Int64) -> (Int, JSON) {
    guard form["grant_type"] == "urn:ietf:params:oauth:grant-type:token-exchange" else {
      return Self.refusal("unsupported_grant_type", "Invalid grant type")
    }
    guard form["audience"] == Self.audience else {
      return Self.refusal("invalid_target", "The target service is invalid.")
    }
    guard form["subject_token"] == Self.subjectToken else {
      return Self.refusal("invalid_grant", "The subject token could not be verified.")
    }
    var answer = grant(lifetime)
    answer["issued_token_type"] = "urn:ietf:params:oauth:token-type:access_token"
    return (200, answer)
  }

  mutating func grant(_ lifetime: Int64) -> JSON {
    [
      "access_token": .string(make(lifetime: lifetime)), "expires_in": .number(Double(lifetime - 1)),
      "token_type": "Bearer",
    ]
  }

  private static func refusal(_ error: String, _ text: String, _ status: Int = 400) -> (Int, JSON) {
    (status, ["error": .string(error), "error_description": .string(text)])
  }

  /// What is wrong with a signed assertion; nil when nothing is.
  private static func fault(of assertion: String, key: PrivateKey) -> String? {
    let parts = assertion.split(separator: ".").map(String.init)
    guard parts.count == 3, let header = Base64URL.decode(parts[0]).flatMap({ JSON.parse($0) }),
      let claims = Base64URL.decode(parts[1]).flatMap({ JSON.parse($0) }),
      let signature = Base64URL.decode(parts[2])
    else { return "malformed" }
    guard header["alg"] == "RS256" else { return "unsupported algorithm." }
    guard claims["iss"]?.string == FakeGoogle.serviceAccount else { return "account not found" }
    let signed = Array("\(parts[0]).\(parts[1])".utf8)
    guard verifies(signature, of: signed, by: key) else { return "Invalid Signature." }
    guard claims["aud"]?.string == "https://oauth2.googleapis.com/token" else {
      return "Failed audience check."
    }
    let now = Double(Clock.wallSeconds())
    guard let issued = claims["iat"]?.number, let expiry = claims["exp"]?.number, expiry > now,
      issued <= now + 300, expiry > issued, expiry - issued <= 3600
    else { return "Token must be a short-lived token." }
    guard claims["scope"]?.string?.contains("https://www.googleapis.com/auth/") == true else {
      return "no scope"
    }
    return nil
  }

  private static func verifies(_ signature: [UInt8], of message: [UInt8], by key: PrivateKey) -> Bool {
    key.withHandle { handle in
      guard let context = EVP_MD_CTX_new() else { return false }
      defer {
        EVP_MD_CTX_free(context)
        ERR_clear_error()
      }
      return EVP_DigestVerifyInit(context, nil, EVP_sha256(), nil, handle) == 1
        && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
    }
  }
}
