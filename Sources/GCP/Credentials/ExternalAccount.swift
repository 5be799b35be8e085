internal import Bytes
internal import HTTP
internal import JSON

/// Workload identity federation: a token of another issuer, exchanged (RFC 8693), and possibly for that of a
/// service account. Subject tokens come from a file or a URL; AWS and executables are not supported.
struct ExternalAccount: TokenSource {
  private enum Subject: Sendable {
    case file(String)
    case url(URL, Fields)
  }

  private let audience: String
  private let subjectTokenType: String
  private let tokenURL: URL
  private let subject: Subject
  /// The member of a JSON document that holds the token; nil when the text is the token.
  private let member: String?
  private let basic: String?
  private let userProject: String?
  private let impersonation: Impersonation?
  private let reader: FileReader
  private let call: TokenCall

  init(
    _ file: CredentialFile, tokenEndpoint: String?, reader: @escaping FileReader, call: TokenCall
  ) throws(GCPError) {
    audience = try file.text("audience")
    subjectTokenType = try file.text("subject_token_type")
    tokenURL = try file.url(
      "token_url", override: tokenEndpoint, default: "https://sts.googleapis.com/v1/token")
    let source = file.json["credential_source"] ?? .null
    if let path = source["file"]?.string {
      subject = .file(path)
    } else if let text = source["url"]?.string {
      guard let url = URL(text) else { throw file.wrong("credential_source.url is not a URL") }
      subject = .url(
        url,
        Fields(
          source["headers"]?.members.compactMap { name, value in
            value.string.map { Fields.Field(name, $0) }
          } ?? []))
    } else {
      let kinds = source.members.keys.sorted().joined(separator: ", ")
      throw file.wrong(
        "credential_source has neither file nor url (\(kinds)); other sources are not supported")
    }
    if source["format"]?["type"]?.string == "json" {
      guard let name = source["format"]?["subject_token_field_name"]?.string else {
        throw file.wrong("credential_source.format.subject_token_field_name is missing")
      }
      member = name
    } else {
      member = nil
    }
    if let id = file.json["client_id"]?.string, let secret = file.json["client_secret"]?.string {
      basic = Base64.encode(Array("\(id):\(secret)".utf8))
    } else {
      basic = nil
    }
    userProject = basic == nil ? file.json["workforce_pool_user_project"]?.string : nil
    impersonation = try Impersonation(file, call: call)
    self.reader = reader
    self.call = call
  }

  var description: String {
    impersonation.map { "\($0.account) by way of \(audience)" } ?? "the workload of \(audience)"
  }

  func obtain() async throws(GCPError) -> AccessToken {
    let step = "exchanging a subject token at \(tokenURL.authority)"
    var form = [
      ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"), ("audience", audience),
      ("scope", Credentials.scope),
      ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
      ("subject_token_type", subjectTokenType), ("subject_token", try await subjectToken()),
    ]
    if let userProject { form.append(("options", (["userProject": .string(userProject)] as JSONValue).text)) }
    let fields: Fields = basic.map { [.init("Authorization", "Basic \($0)")] } ?? []
    let answer = try await call.form(tokenURL, form, fields: fields, step: step)
    let token = try call.token(answer, step: step)
    guard let impersonation else { return token }
    return try await impersonation.exchange(token)
  }

  /// Read anew each time: whoever provides it renews it.
  private func subjectToken() async throws(GCPError) -> String {
    let bytes: [UInt8]
    let place: String
    switch subject {
    case .file(let path):
      place = path
      guard let content = reader(path) else {
        throw GCPError("reading the subject token", .credentials("\(path) cannot be read"))
      }
      bytes = content
    case .url(let url, let fields):
      place = url.authority
      bytes = try await call.send(
        HTTP.Request("GET", url, fields: fields), step: "reading the subject token from \(place)"
      ).body
    }
    var text = String(decoding: bytes, as: UTF8.self)
    if let member {
      guard let found = (try? JSONValue(parsing: bytes))?[member]?.string else {
        throw GCPError("reading the subject token", .credentials("\(place) has no member \(member)"))
      }
      text = found
    }
    text = String(text.drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    guard TokenCall.isToken(text) else {
      throw GCPError("reading the subject token", .credentials("there is no token in \(place)"))
    }
    return text
  }
}
