public import PKI

/// A problem document (RFC 7807) with ACME's types and subproblems (RFC 8555 §6.7).
public struct Problem: Error, Sendable, Equatable, Decodable, CustomStringConvertible {
  /// ACME's error types (RFC 8555 §6.7, RFC 9773 §7.4, RFC 9799).
  public enum Kind: String, Sendable {
    // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
    case accountDoesNotExist, alreadyReplaced, alreadyRevoked, badCSR, badNonce, badPublicKey,
      badRevocationReason, badSignatureAlgorithm, caa, compound, connection, dns, externalAccountRequired,
      incorrectResponse, invalidContact, invalidProfile, malformed, orderNotReady, rateLimited,
      rejectedIdentifier, serverInternal, tls, unauthorized, unsupportedContact, unsupportedIdentifier,
      userActionRequired
  }

  /// The type as sent; `about:blank` when none was.
  public let type: String
  /// What happened, as the CA tells it.
  public let detail: String
  /// The HTTP status that the document repeats, if any.
  public let status: Int?
  /// Where a human can go on, for `userActionRequired`.
  public let instance: String?
  /// What the problem is about, in a subproblem.
  public let identifier: Identifier?
  /// One problem for each identifier, if the CA tells them.
  public let subproblems: [Problem]

  /// The type if it is one that ACME defines.
  public var kind: Kind? {
    type.hasPrefix(Self.namespace) ? Kind(rawValue: String(type.dropFirst(Self.namespace.count))) : nil
  }

  static let namespace = "urn:ietf:params:acme:error:"
  /// The most characters that are kept of a text of the CA.
  private static let maximumTextCharacters = 1000
  /// The most subproblems that are kept of one answer.
  private static let maximumSubproblems = 100

  /// A problem known by its parts.
  public init(
    type: String, detail: String, status: Int? = nil, instance: String? = nil, identifier: Identifier? = nil,
    subproblems: [Problem] = []
  ) {
    self.type = type
    self.detail = detail
    self.status = status
    self.instance = instance
    self.identifier = identifier
    self.subproblems = subproblems
  }

  /// `unauthorized: a.example: The key authorization file … did not match; …`
  public var description: String {
    let name = kind?.rawValue ?? type
    let about = identifier.map { "\($0): " } ?? ""
    let own = detail.isEmpty ? "" : ": \(about)\(detail)"
    let action = instance.map { " (see \($0))" } ?? ""
    return ([name + own + action] + subproblems.map(\.description)).joined(separator: "; ")
  }

  private enum Keys: String, CodingKey { case type, detail, title, status, instance, identifier, subproblems }

  /// Reads leniently: whatever is missing or of another type is left out; texts are cut and made printable.
  public init(from decoder: any Decoder) throws {
    let object = try decoder.container(keyedBy: Keys.self)
    func text(_ key: Keys) -> String? { (try? object.decode(String.self, forKey: key)).map(Self.printable) }
    type = text(.type) ?? "about:blank"
    detail = text(.detail) ?? text(.title) ?? ""
    status = try? object.decode(Int.self, forKey: .status)
    instance = text(.instance)
    identifier = (try? object.decode(WireIdentifier.self, forKey: .identifier))?.identifier
    // A subproblem must not have its own (RFC 8555 §6.7.1); one level is read, so nesting cannot go deep.
    let isNested = decoder.codingPath.contains { $0.stringValue == Keys.subproblems.rawValue }
    let nested = isNested ? nil : try? object.decode([Problem].self, forKey: .subproblems)
    subproblems = Array((nested ?? []).prefix(Self.maximumSubproblems))
  }

  private static func printable(_ text: String) -> String {
    String(
      text.unicodeScalars.prefix(maximumTextCharacters).map {
        $0.properties.isPrintable ? Character($0) : " "
      })
  }
}

extension Unicode.Scalar.Properties {
  /// Not a control, format, surrogate or separator that could break a log line.
  fileprivate var isPrintable: Bool {
    switch generalCategory {
    case .control, .format, .surrogate, .lineSeparator, .paragraphSeparator, .unassigned: false
    default: true
    }
  }
}

extension Problem {
  /// The same with the status of the answer that it came in, unless it told one itself.
  func with(status answer: Int) -> Problem {
    guard status == nil else { return self }
    return Problem(
      type: type, detail: detail, status: answer, instance: instance, identifier: identifier,
      subproblems: subproblems)
  }
}
