public import Bytes
public import JSON

/// One key as its file has it: everything but the secret.
public struct KeyRecord: Sendable, Equatable {
  /// What it is called in logs and commands: `key_` and 12 characters.
  public var id: String
  /// What people call it.
  public var name: String
  /// The group that it is in.
  public var group: String
  /// SHA-256 of the secret as 64 hexadecimal digits; nil for one that is shown by a client certificate alone.
  public var sha256: String?
  /// The secret before this one, which is taken until a time.
  public var previous: (sha256: String, until: UnixTime)?
  /// Subject or name of the client certificate that stands for it, as the access log tells it.
  public var certificate: String?
  /// Which models it is for; empty for all.
  public var models: [String] = []
  /// How much it may have.
  public var limits = KeyLimits()
  /// How urgent its requests are.
  public var priority = KeyPriority.normal
  /// From when on it is not taken any more.
  public var expires: UnixTime?
  /// Where it may be used from; empty for everywhere.
  public var addresses: [String] = []
  /// When it was made.
  public var created: UnixTime?
  /// Since when it is not taken any more.
  public var revoked: UnixTime?
  /// Members of its line that this version does not know: they are written as they were read.
  public var others: [String: JSONValue] = [:]

  /// A key without limits.
  public init(id: String, name: String, group: String, sha256: String?) {
    self.id = id
    self.name = name
    self.group = group
    self.sha256 = sha256
  }

  /// Whether two say the same.
  public static func == (a: KeyRecord, b: KeyRecord) -> Bool { a.json == b.json }

  /// Why a line is no key: what was expected, never what stands there.
  public struct Malformed: Error, Equatable, CustomStringConvertible {
    /// In words.
    public let description: String
  }

  /// The longest name, in bytes.
  public static let maximumNameBytes = 128
  /// The most patterns or addresses of one key.
  public static let maximumEntries = 64

  /// Reads one line.
  public init(line: some Sequence<UInt8>, group: String) throws(Malformed) {
    let value: JSONValue
    do throws(JSONValue.Malformed) { value = try JSONValue(parsing: line) } catch {
      throw Malformed(description: "expected one JSON object: \(error)")
    }
    guard case .object(let members) = value else { throw Malformed(description: "expected a JSON object") }
    var reader = KeyRecordReader(members: members)
    guard let id = try reader.text("id") else { throw Malformed(description: "\"id\" is missing") }
    self.id = id
    name = try reader.text("name") ?? id
    self.group = try reader.text("group") ?? group
    sha256 = try reader.hash("sha256")
    certificate = try reader.text("certificate")
    guard sha256 != nil || certificate != nil else {
      throw Malformed(description: "neither \"sha256\" nor \"certificate\" is there")
    }
    if let before = reader.take("previous") {
      guard let old = try reader.hash(before["sha256"], "previous.sha256"),
        let until = try reader.time(before["until"], "previous.until")
      else { throw Malformed(description: "\"previous\" has not both \"sha256\" and \"until\"") }
      previous = (old, until)
    }
    models = try reader.list("models", "names or beginnings of models such as llama-*") {
      ModelPatterns.isValid($0)
    }
    addresses = try reader.list("addresses", "address ranges such as 10.0.0.0/8") { AddressBlock($0) != nil }
    limits = try reader.limits()
    priority = try reader.priority() ?? .normal
    expires = try reader.time("expires")
    created = try reader.time("created")
    revoked = try reader.time("revoked")
    others = reader.members
  }

  /// Whether a text may stand in logs and tables.
  public static func isName(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= maximumNameBytes
      && text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }
  }

  /// The line's object.
  public var json: JSONValue {
    var value = JSONValue.object(others)
    func number(_ value: Int?) -> JSONValue? { value.map { JSONValue($0) } }
    func time(_ value: UnixTime?) -> JSONValue? { value.map { .string($0.description) } }
    value["id"] = .string(id)
    value["name"] = .string(name)
    value["group"] = .string(group)
    value["sha256"] = sha256.map { .string($0) }
    value["certificate"] = certificate.map { .string($0) }
    value["previous"] = previous.map {
      ["sha256": .string($0.sha256), "until": .string($0.until.description)]
    }
    value["models"] = models.isEmpty ? nil : JSONValue(models)
    value["addresses"] = addresses.isEmpty ? nil : JSONValue(addresses)
    value["requests_per_minute"] = number(limits.requestsPerMinute)
    value["tokens_per_minute"] = number(limits.tokensPerMinute)
    value["tokens_per_day"] = number(limits.tokensPerDay)
    value["tokens_per_month"] = number(limits.tokensPerMonth)
    value["concurrent"] = number(limits.concurrent)
    value["priority"] = priority == .normal ? nil : .string(priority.word)
    value["expires"] = time(expires)
    value["created"] = time(created)
    value["revoked"] = time(revoked)
    return value
  }
}
