internal import Bytes
internal import HTTP
internal import HTTPClient
internal import JSON
internal import PKI
internal import TLS

extension Delivery {
  /// For one call, from its beginning to its whole answer, in milliseconds.
  static let callMilliseconds: UInt64 = 30_000
  /// The largest answer, in bytes.
  static let maximumAnswerBytes = 4 << 20
  /// How much of a refusal is told, in characters.
  static let maximumToldCharacters = 300
  /// The longest token or secret, in bytes.
  static let maximumSecretBytes = 64 << 10

  /// Sends a request once; never without TLS to another machine. `step` says what is being done.
  func send(
    _ request: HTTP.Request, _ step: String, trusting context: ClientContext? = nil
  ) async throws(DeliveryError) -> HTTP.Response {
    guard request.url.scheme == .https || request.url.isOfThisMachine else {
      throw DeliveryError("\(step): \(request.url.authority) is not asked without TLS")
    }
    var options = HTTPClient.Options(
      context: context, deadlineMilliseconds: Self.callMilliseconds,
      maximumBodyBytes: Self.maximumAnswerBytes)
    options.keepsAlive = false
    do throws(HTTPClientError) { return try await client.send(request, options) } catch {
      throw DeliveryError("\(step): \(request.url.authority): \(error)")
    }
  }

  /// The JSON object of an answer that is well.
  static func object(_ response: HTTP.Response, _ step: String) throws(DeliveryError) -> JSONValue {
    guard let value = try? JSONValue(parsing: response.body), case .object = value else {
      throw DeliveryError("\(step): \(response.status) without a JSON object")
    }
    return value
  }

  /// What a refusal says: the first of some members that is a text, of what is JSON.
  static func refusal(_ response: HTTP.Response, _ step: String, _ members: [[String]]) -> DeliveryError {
    var told = ""
    if let value = try? JSONValue(parsing: response.body) {
      for path in members {
        var at: JSONValue? = value
        for name in path { at = at?[name] }
        if let text = at?.string ?? at?.strings.joined(separator: "; "), !text.isEmpty {
          told = text
          break
        }
      }
    }
    let line = told.map { $0.isNewline ? " " : $0 }.prefix(maximumToldCharacters)
    return DeliveryError("\(step): \(response.status)\(line.isEmpty ? "" : ": \(String(line))")")
  }

  /// One secret that a file holds, without the space around it.
  func secret(_ path: String, _ what: String) throws(DeliveryError) -> String {
    guard let bytes = surroundings.read(path), bytes.count <= Self.maximumSecretBytes else {
      throw DeliveryError("\(what): \(path) cannot be read")
    }
    let text = String(decoding: bytes, as: UTF8.self).trimmed
    guard Self.isToken(text) else { throw DeliveryError("\(what): there is no single word in \(path)") }
    return text
  }

  /// A variable of the environment that says something.
  func variable(_ name: String) -> String? {
    surroundings.variables[name].flatMap { $0.isEmpty ? nil : $0 }
  }

  /// A URL, or an error that says where it stands.
  static func url(_ text: String, _ place: String) throws(DeliveryError) -> URL {
    guard let url = URL(text) else { throw DeliveryError("\(place): \(text) is not a URL") }
    return url
  }

  /// Whether a text can stand in a header field as a token.
  static func isToken(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
  }

  /// A form (RFC 6749 §4) to be sent.
  static func form(_ url: URL, _ members: [(String, String)]) -> HTTP.Request {
    var request = HTTP.Request("POST", url)
    request.fields.add("Content-Type", "application/x-www-form-urlencoded")
    request.fields.add("Accept", "application/json")
    request.body = Array(members.map { "\($0)=\(percentEncoded($1))" }.joined(separator: "&").utf8)
    return request
  }
}

/// Everything but unreserved characters as `%XX` (RFC 3986 §2.3).
func percentEncoded(_ text: String, keeping kept: String = "") -> String {
  var out = ""
  for byte in text.utf8 {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
      out.unicodeScalars.append(Unicode.Scalar(byte))
    case let byte where kept.utf8.contains(byte): out.unicodeScalars.append(Unicode.Scalar(byte))
    default: out += "%" + Hex.encode([byte]).uppercased()
    }
  }
  return out
}

extension String {
  /// Without white space at both ends.
  var trimmed: String {
    String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
  }
}

extension URL {
  /// Whether it is an address of this machine, or of what stands for the machine at its provider: a link-local one,
  /// which no router passes on.
  var isOfThisMachine: Bool {
    let isNumeric = host.utf8.allSatisfy { $0 == 0x2E || (0x30...0x39).contains($0) }
    return host == "localhost" || host == "::1" || host == "fd00:ec2::254" || host == "fd00:ec2::23"
      || isNumeric && (host.hasPrefix("127.") || host.hasPrefix("169.254."))
  }

  /// The same origin with another path and query.
  func at(_ target: String) -> URL? { URL("\(scheme.rawValue)://\(authority)\(target)") }
}
