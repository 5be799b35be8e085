internal import CertStore
internal import HTTP
internal import JSON

// Who certd is to AWS, found as AWS's own tools find it: a file that is named, the environment, a web identity, a
// container's role, the machine's role.
extension Delivery {
  /// The service that tells a machine of itself.
  static let machineMetadata = "http://169.254.169.254"
  /// For how long the metadata's own token is asked for, in seconds.
  static let metadataTokenSeconds = 60

  func awsCredentials(_ place: ACMCertificate) async throws(DeliveryError) -> AWSCredentials {
    if let path = place.credentials ?? variable("AWS_SHARED_CREDENTIALS_FILE") {
      return try fileCredentials(
        path, place.credentials == nil ? variable("AWS_PROFILE") ?? "default" : place.profile)
    }
    if let key = variable("AWS_ACCESS_KEY_ID"), let secret = variable("AWS_SECRET_ACCESS_KEY") {
      return AWSCredentials(accessKey: key, secretKey: secret, sessionToken: variable("AWS_SESSION_TOKEN"))
    }
    if let role = variable("AWS_ROLE_ARN"), let file = variable("AWS_WEB_IDENTITY_TOKEN_FILE") {
      return try await webIdentity(role, try secret(file, "AWS web identity"), place.region)
    }
    if let container = try containerRequest() {
      return try await credentials(container, "AWS container role")
    }
    return try await machineCredentials()
  }

  private func fileCredentials(_ path: String, _ profile: String) throws(DeliveryError) -> AWSCredentials {
    guard let bytes = surroundings.read(path) else {
      throw DeliveryError("AWS credentials: \(path) cannot be read")
    }
    var values: [String: String] = [:]
    var isIn = false
    for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline) {
      let text = String(line).trimmed
      if text.hasPrefix("[") {
        isIn = text == "[\(profile)]"
      } else if isIn, !text.hasPrefix("#"), let equals = text.firstIndex(of: "=") {
        values[String(text[..<equals]).trimmed.lowercased()] =
          String(text[text.index(after: equals)...]).trimmed
      }
    }
    guard let key = values["aws_access_key_id"], let secret = values["aws_secret_access_key"] else {
      throw DeliveryError(
        "AWS credentials: \(path) has no aws_access_key_id and aws_secret_access_key in [\(profile)]")
    }
    return AWSCredentials(accessKey: key, secretKey: secret, sessionToken: values["aws_session_token"])
  }

  /// Exchanges a token of another issuer for a role (AssumeRoleWithWebIdentity).
  private func webIdentity(
    _ role: String, _ token: String, _ region: String
  ) async throws(DeliveryError) -> AWSCredentials {
    let step = "AWS web identity for \(role)"
    let url = try Self.url(
      variable("AWS_ENDPOINT_URL_STS") ?? variable("AWS_ENDPOINT_URL")
        ?? "https://sts.\(region).\(Self.awsDomain(region))/", "AWS_ENDPOINT_URL_STS")
    let response = try await send(
      Self.form(
        url,
        [
          ("Action", "AssumeRoleWithWebIdentity"), ("Version", "2011-06-15"), ("RoleArn", role),
          ("RoleSessionName", variable("AWS_ROLE_SESSION_NAME") ?? "certd"), ("WebIdentityToken", token),
        ]), step)
    let text = String(decoding: response.body, as: UTF8.self)
    if let value = try? JSONValue(parsing: response.body),
      let found = value["AssumeRoleWithWebIdentityResponse"]?["AssumeRoleWithWebIdentityResult"]?[
        "Credentials"],
      let key = found["AccessKeyId"]?.string, let secret = found["SecretAccessKey"]?.string
    {
      return AWSCredentials(accessKey: key, secretKey: secret, sessionToken: found["SessionToken"]?.string)
    }
    guard response.status == 200, let key = Self.element("AccessKeyId", text),
      let secret = Self.element("SecretAccessKey", text)
    else {
      let told = Self.element("Message", text) ?? ""
      throw DeliveryError("\(step): \(response.status) \(told.prefix(Self.maximumToldCharacters))")
    }
    return AWSCredentials(accessKey: key, secretKey: secret, sessionToken: Self.element("SessionToken", text))
  }

  /// The text of the first element of a name: the answers of STS have each once, and no markup in it.
  static func element(_ name: String, _ text: String) -> String? {
    guard let start = text.firstRange(of: "<\(name)>"),
      let end = text[start.upperBound...].firstRange(of: "</\(name)>")
    else { return nil }
    let found = text[start.upperBound..<end.lowerBound]
    return found.contains("<") ? nil : String(found).trimmed
  }

  /// The request that a container's agent answers (ECS, EKS pod identity).
  private func containerRequest() throws(DeliveryError) -> HTTP.Request? {
    let text =
      variable("AWS_CONTAINER_CREDENTIALS_FULL_URI")
      ?? variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").map { "http://169.254.170.2\($0)" }
    guard let text else { return nil }
    var request = HTTP.Request("GET", try Self.url(text, "AWS_CONTAINER_CREDENTIALS_FULL_URI"))
    if let file = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
      request.fields.add("Authorization", try secret(file, "AWS container role"))
    } else if let token = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN") {
      request.fields.add("Authorization", token)
    }
    return request
  }

  /// The machine's role, by the second version of its metadata service.
  private func machineCredentials() async throws(DeliveryError) -> AWSCredentials {
    let step = "AWS machine role"
    let base = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT") ?? Self.machineMetadata
    let origin = try Self.url(base, "AWS_EC2_METADATA_SERVICE_ENDPOINT")
    func at(_ path: String) throws(DeliveryError) -> URL {
      guard let url = origin.at(path) else { throw DeliveryError("\(step): \(path) is no path") }
      return url
    }
    var asking = HTTP.Request("PUT", try at("/latest/api/token"))
    asking.fields.add("X-aws-ec2-metadata-token-ttl-seconds", "\(Self.metadataTokenSeconds)")
    let tokenAnswer: HTTP.Response
    do throws(DeliveryError) { tokenAnswer = try await send(asking, step) } catch {
      throw DeliveryError(
        "\(error.reason); no credentials of AWS are at hand: name a file by `credentials`, set AWS_ACCESS_KEY_ID, "
          + "or give this machine or pod a role")
    }
    let token = String(decoding: tokenAnswer.body, as: UTF8.self).trimmed
    guard tokenAnswer.status == 200, Self.isToken(token) else {
      throw DeliveryError("\(step): \(tokenAnswer.status) instead of a token")
    }
    func told(_ path: String) throws(DeliveryError) -> HTTP.Request {
      var request = HTTP.Request("GET", try at(path))
      request.fields.add("X-aws-ec2-metadata-token", token)
      return request
    }
    let roles = "/latest/meta-data/iam/security-credentials/"
    let name = try await send(try told(roles), step)
    let role = String(decoding: name.body, as: UTF8.self).prefix { !$0.isNewline }
    guard name.status == 200, Self.isToken(String(role)) else {
      throw DeliveryError("\(step): the machine has no role")
    }
    return try await credentials(try told(roles + percentEncoded(String(role))), step)
  }

  /// Credentials as JSON, as an agent or the metadata service gives them.
  private func credentials(
    _ request: HTTP.Request, _ step: String
  ) async throws(DeliveryError) -> AWSCredentials {
    let response = try await send(request, step)
    guard response.status == 200 else { throw Self.refusal(response, step, [["message"], ["Message"]]) }
    let value = try Self.object(response, step)
    guard let key = value["AccessKeyId"]?.string, let secret = value["SecretAccessKey"]?.string else {
      throw DeliveryError("\(step): there are no credentials in the answer")
    }
    return AWSCredentials(accessKey: key, secretKey: secret, sessionToken: value["Token"]?.string)
  }

  /// The domain of a region's services.
  static func awsDomain(_ region: String) -> String {
    region.hasPrefix("cn-") ? "amazonaws.com.cn" : "amazonaws.com"
  }
}
