import APIKeys
import Bytes

/// One key as commands tell it; its secret only right after it was made.
struct KeyDescription: Encodable {
  let id: String
  let name: String
  let group: String
  let state: String
  let secret: String?
  let certificate: String?
  let models: [String]
  let requestsPerMinute: Int?
  let tokensPerMinute: Int?
  let tokensPerDay: Int?
  let tokensPerMonth: Int?
  let concurrent: Int?
  let priority: String
  let expires: String?
  let addresses: [String]
  let created: String?
  let revoked: String?
  /// Until when the secret before the last rotation is taken.
  let previousUntil: String?

  init(_ key: KeyRecord, secret: String? = nil, now: UnixTime = World.now()) {
    id = key.id
    name = key.name
    group = key.group
    self.secret = secret
    certificate = key.certificate
    models = key.models
    requestsPerMinute = key.limits.requestsPerMinute
    tokensPerMinute = key.limits.tokensPerMinute
    tokensPerDay = key.limits.tokensPerDay
    tokensPerMonth = key.limits.tokensPerMonth
    concurrent = key.limits.concurrent
    priority = key.priority.word
    expires = key.expires?.description
    addresses = key.addresses
    created = key.created?.description
    revoked = key.revoked?.description
    previousUntil = key.previous.flatMap { $0.until > now ? $0.until.description : nil }
    state = key.revoked != nil ? "revoked" : key.expires.map { $0 <= now } == true ? "expired" : "valid"
  }

  /// What it has, in lines for people.
  var rows: [[String]] {
    let limits: [(String, Int?)] = [
      ("requests per minute", requestsPerMinute), ("tokens per minute", tokensPerMinute),
      ("tokens per day", tokensPerDay), ("tokens per month", tokensPerMonth), ("concurrent", concurrent),
    ]
    let texts: [(String, String?)] = [
      ("created", created), ("expires", expires), ("revoked", revoked), ("certificate", certificate),
      ("previous secret until", previousUntil),
    ]
    return [
      ["id", id], ["name", name], ["group", group], ["state", state],
      ["models", models.isEmpty ? "all" : models.joined(separator: ", ")],
    ] + limits.compactMap { name, number in number.map { [name, "\($0)"] } }
      + [["priority", priority]]
      + (addresses.isEmpty ? [] : [["addresses", addresses.joined(separator: ", ")]])
      + texts.compactMap { name, text in text.map { [name, $0] } }
  }
}
