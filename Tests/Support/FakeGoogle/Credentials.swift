import PKI
import Synchronization

extension FakeGoogle {
  /// A service account's key file whose token endpoint is this stand-in.
  public func serviceAccountFile() throws -> String {
    let key = try Self.accountKey?.pem() ?? []
    let file: JSON = [
      "type": "service_account", "project_id": .string(state.withLock { $0.world.project }),
      "private_key_id": "key-1", "private_key": .string(String(decoding: key, as: UTF8.self)),
      "client_email": .string(Self.serviceAccount), "client_id": "1", "token_uri": .string("\(url)/token"),
      "universe_domain": "googleapis.com",
    ]
    return file.text
  }

  /// A user's file, as `gcloud auth application-default login` writes it.
  public var userFile: String {
    let file: JSON = [
      "type": "authorized_user", "client_id": .string(Tokens.clientID),
      "client_secret": .string(Tokens.clientSecret), "refresh_token": .string(Tokens.refreshToken),
      "token_uri": .string("\(url)/token"), "universe_domain": "googleapis.com",
    ]
    return file.text
  }

  /// What the file of an external account names as its subject's token.
  public static let subjectToken = Tokens.subjectToken

  /// A file of workload identity federation whose subject's token is in a file, with or without impersonation.
  public func externalFile(subjectTokenPath: String, impersonating: Bool = true) -> String {
    var file: JSON = [
      "type": "external_account", "audience": .string(Tokens.audience),
      "subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "token_url": .string("\(url)/v1/token"),
      "credential_source": ["file": .string(subjectTokenPath), "format": ["type": "text"]],
      "universe_domain": "googleapis.com",
    ]
    if impersonating {
      file["service_account_impersonation_url"] = .string(
        "\(url)/v1/projects/-/serviceAccounts/\(Self.serviceAccount):generateAccessToken")
    }
    return file.text
  }
}
