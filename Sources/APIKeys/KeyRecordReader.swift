internal import Bytes
internal import JSON

/// Takes the members of a key's line one by one; what is left at the end nobody knows.
struct KeyRecordReader {
  typealias Malformed = KeyRecord.Malformed

  var members: [String: JSONValue]

  /// A member, which is taken out; nil for one that is missing or null.
  mutating func take(_ name: String) -> JSONValue? {
    members.removeValue(forKey: name).flatMap { $0 == .null ? nil : $0 }
  }

  mutating func text(_ name: String) throws(Malformed) -> String? {
    guard let found = take(name) else { return nil }
    guard let text = found.string, KeyRecord.isName(text) else {
      throw Malformed(
        description: "\"\(name)\" is not a text of 1 to \(KeyRecord.maximumNameBytes) characters")
    }
    return text
  }

  func hash(_ found: JSONValue?, _ name: String) throws(Malformed) -> String? {
    guard let found else { return nil }
    guard let text = found.string, text.utf8.count == 64, Hex.decode(text) != nil else {
      throw Malformed(description: "\"\(name)\" is not 64 hexadecimal digits")
    }
    return text.lowercased()
  }

  func time(_ found: JSONValue?, _ name: String) throws(Malformed) -> UnixTime? {
    guard let found else { return nil }
    guard let time = found.string.flatMap({ UnixTime(rfc3339: $0) }) else {
      throw Malformed(description: "\"\(name)\" is not a time such as 2027-01-31T12:00:00Z")
    }
    return time
  }

  mutating func hash(_ name: String) throws(Malformed) -> String? { try hash(take(name), name) }

  mutating func time(_ name: String) throws(Malformed) -> UnixTime? { try time(take(name), name) }

  mutating func list(
    _ name: String, _ what: String, _ isValid: (String) -> Bool
  ) throws(Malformed) -> [String] {
    guard let found = take(name) else { return [] }
    let maximum = KeyRecord.maximumEntries
    guard case .array(let elements) = found, 1...maximum ~= elements.count,
      elements.allSatisfy({ $0.string.map(isValid) ?? false })
    else { throw Malformed(description: "\"\(name)\" is not a list of 1 to \(maximum) \(what)") }
    return found.strings
  }

  mutating func limits() throws(Malformed) -> KeyLimits {
    var limits = KeyLimits()
    limits.requestsPerMinute = try count("requests_per_minute")
    limits.tokensPerMinute = try count("tokens_per_minute")
    limits.tokensPerDay = try count("tokens_per_day")
    limits.tokensPerMonth = try count("tokens_per_month")
    limits.concurrent = try count("concurrent")
    return limits
  }

  private mutating func count(_ name: String) throws(Malformed) -> Int? {
    guard let found = take(name) else { return nil }
    guard case .number = found, let number = found.int, (1...Int64(KeyLimits.maximum)).contains(number) else {
      throw Malformed(description: "\"\(name)\" is not a whole number from 1")
    }
    return Int(number)
  }

  mutating func priority() throws(Malformed) -> KeyPriority? {
    guard let found = take("priority") else { return nil }
    guard let priority = found.string.flatMap({ KeyPriority(word: $0) }) else {
      throw Malformed(description: "\"priority\" is neither high, normal nor low")
    }
    return priority
  }
}
