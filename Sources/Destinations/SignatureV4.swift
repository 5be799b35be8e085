internal import Bytes
internal import HTTP
internal import PKI

/// AWS's signature of requests, version 4, as its documentation "Signature Version 4 for API requests" has it.
struct SignatureV4 {
  let region: String
  let service: String
  let credentials: AWSCredentials

  /// The request with its date, the session's token and the Authorization field.
  func signed(_ request: HTTP.Request, now: UnixTime) throws(PKIError) -> HTTP.Request {
    let stamp = "\(now)".filter { $0 != "-" && $0 != ":" }
    let day = String(stamp.prefix(8))
    var request = request
    request.fields.add("X-Amz-Date", stamp)
    if let token = credentials.sessionToken { request.fields.add("X-Amz-Security-Token", token) }
    let fields =
      ([("host", request.url.authority)] + request.fields.all.map { ($0.name.lowercased(), $0.value) })
      .sorted { $0.0 < $1.0 }
    let names = fields.map(\.0).joined(separator: ";")
    let target = request.url.target
    let path = target.prefix { $0 != "?" }
    let query = target.dropFirst(path.count + 1)
    let canonical = [
      request.method, String(path), String(query), fields.map { "\($0):\($1.trimmed)\n" }.joined(), names,
      Hex.encode(try Digest.sha256(request.body)),
    ].joined(separator: "\n")
    let scope = "\(day)/\(region)/\(service)/aws4_request"
    let text = [
      "AWS4-HMAC-SHA256", stamp, scope, Hex.encode(try Digest.sha256(Array(canonical.utf8))),
    ].joined(separator: "\n")
    var key = Array("AWS4\(credentials.secretKey)".utf8)
    for part in [day, region, service, "aws4_request"] { key = try Digest.hmac(key: key, Array(part.utf8)) }
    let signature = Hex.encode(try Digest.hmac(key: key, Array(text.utf8)))
    request.fields.add(
      "Authorization",
      "AWS4-HMAC-SHA256 Credential=\(credentials.accessKey)/\(scope), SignedHeaders=\(names), "
        + "Signature=\(signature)")
    return request
  }
}

/// A key of AWS. Never shown.
struct AWSCredentials: Sendable, Equatable {
  let accessKey: String
  let secretKey: String
  let sessionToken: String?
}
