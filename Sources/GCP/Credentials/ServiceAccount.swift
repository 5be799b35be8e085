internal import Bytes
internal import HTTP
internal import JSON
internal import PKI

/// A service account's key: tokens against a signed assertion (RFC 7523).
struct ServiceAccount: TokenSource {
  let email: String
  private let keyID: String?
  private let key: PrivateKey
  private let tokenURL: URL
  private let call: TokenCall

  /// What the assertion is for, whatever the address of the service.
  static let audience = "https://oauth2.googleapis.com/token"
  /// How long an assertion lives, in seconds; Google allows an hour.
  static let assertionSeconds: Int64 = 3600

  init(_ file: CredentialFile, tokenEndpoint: String?, call: TokenCall) throws(GCPError) {
    email = try file.text("client_email")
    keyID = file.json["private_key_id"]?.string
    let pem = Array(try file.text("private_key").utf8)
    do throws(PKIError) { key = try PrivateKey(pem: pem) } catch {
      throw file.wrong(
        "private_key is no PEM key (\(error.reason)): the file is damaged; make a new key by 'gcloud iam service-accounts "
          + "keys create' and take its file as it is")
    }
    guard key.joseAlgorithm == "RS256" else { throw file.wrong("private_key is not an RSA key") }
    tokenURL = try file.url("token_uri", override: tokenEndpoint, default: Self.audience)
    self.call = call
  }

  var description: String { "service account \(email)" }

  func obtain() async throws(GCPError) -> AccessToken {
    let step = "obtaining a token for \(description) from \(tokenURL.authority)"
    let now = call.environment.now().seconds
    let assertion: String
    do throws(PKIError) { assertion = try self.assertion(now: now) } catch {
      throw GCPError(step, .credentials("\(error)"))
    }
    let answer = try await call.form(
      tokenURL,
      [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", assertion)], step: step)
    return try call.token(answer, step: step)
  }

  /// The assertion as a compact JWS (RFC 7515 §7.1).
  private func assertion(now: Int64) throws(PKIError) -> String {
    var header: JSONValue = ["alg": "RS256", "typ": "JWT"]
    if let keyID { header["kid"] = .string(keyID) }
    let claims: JSONValue = [
      "iss": .string(email), "scope": .string(Credentials.scope), "aud": .string(Self.audience),
      "iat": .number(String(now)), "exp": .number(String(now + Self.assertionSeconds)),
    ]
    let signed = Base64URL.encode(Array(header.text.utf8)) + "." + Base64URL.encode(Array(claims.text.utf8))
    return signed + "." + Base64URL.encode(try key.signJOSE(Array(signed.utf8)))
  }
}
