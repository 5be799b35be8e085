/// One CAA property (RFC 8659 §4.1).
public struct CAAProperty: Sendable, Equatable {
  /// Whether whoever does not know the tag must not issue.
  public let isCritical: Bool
  /// The tag in lower case.
  public let tag: String
  /// The value as it stands.
  public let value: String

  /// A property.
  public init(isCritical: Bool = false, tag: String, value: String) {
    self.isCritical = isCritical
    self.tag = tag
    self.value = value
  }
}

/// Whether CAA records allow a CA to issue (RFC 8659), to this account, by these challenges (RFC 8657).
public struct CAARules {
  /// What the issuer is called in the configuration.
  public let issuer: String
  /// By which domain names records allow the CA, as its directory tells (RFC 8555 §9.7.6).
  public let identities: [String]
  /// The account's URL; nil when none is registered yet.
  public let accountURL: String?
  /// How names are proven: `http-01` and its like.
  public let challenges: [String]

  /// Rules for one issuer.
  public init(issuer: String, identities: [String], accountURL: String?, challenges: [String]) {
    self.issuer = issuer
    self.identities = identities.map { $0.lowercased() }
    self.accountURL = accountURL
    self.challenges = challenges
  }

  private static let known: Set = [
    "issue", "issuewild", "iodef", "issuemail", "issuevmc", "contactemail", "contactphone",
  ]

  /// What the records found for a name mean. `owner` is where in the tree they stand; nil when none stand anywhere.
  public func judge(_ name: String, owner: String?, _ records: [CAAProperty]) -> Finding {
    let check = "caa"
    guard let owner, !records.isEmpty else {
      return Finding(.ok, check, "no CAA record: every CA may issue for \(name)")
    }
    if let unknown = records.first(where: { $0.isCritical && !Self.known.contains($0.tag) }) {
      return Finding(
        .problem, check,
        "the CAA record of \(owner) has the critical tag \(Self.shown(unknown.tag)), which forbids "
          + "every CA that does not know it to issue", remedy: "remove that record, or its critical flag")
    }
    let isWildcard = name.hasPrefix("*.")
    let wild = records.filter { $0.tag == "issuewild" }
    let relevant = isWildcard && !wild.isEmpty ? wild : records.filter { $0.tag == "issue" }
    guard !relevant.isEmpty else {
      return Finding(.ok, check, "the CAA records of \(owner) restrict nothing for \(name)")
    }
    guard !identities.isEmpty else {
      return Finding(
        .warning, check,
        "\(owner) allows \(Self.list(relevant)); \(issuer) does not tell by which name it is allowed",
        remedy: "see in the CA's documents whether it is one of them")
    }
    let own = relevant.map { Parameters($0.value) }.filter { identities.contains($0.domain) }
    guard !own.isEmpty else {
      return Finding(
        .problem, check, "the CAA records of \(owner) allow \(Self.list(relevant)), not \(issuer)",
        remedy: "add: \(owner). CAA 0 \(relevant[0].tag) \"\(identities[0])\"")
    }
    // Nothing but DNS-01 proves a wildcard.
    let methods = isWildcard ? challenges.filter { $0 == "dns-01" } : challenges
    let obstacles = own.map { obstacle($0, methods) }
    guard let first = obstacles.first, obstacles.allSatisfy({ $0 != nil }), let first else {
      return Finding(.ok, check, "the CAA records of \(owner) allow \(issuer)")
    }
    return Finding(.problem, check, "the CAA record of \(owner) \(first.what)", remedy: first.remedy)
  }

  /// Why a record with our CA's name does not allow us; nil when it does.
  private func obstacle(_ parameters: Parameters, _ usable: [String]) -> (what: String, remedy: String)? {
    if let wanted = parameters["accounturi"], wanted != accountURL {
      return (
        "allows the account \(Self.shown(wanted)) only; "
          + (accountURL.map { "ours is \($0)" } ?? "ours is not registered yet"),
        accountURL.map { "set accounturi=\($0)" }
          ?? "remove accounturi until the first certificate is there, then set it to what 'certd account show' tells"
      )
    }
    if let methods = parameters["validationmethods"] {
      let allowed = methods.split(separator: ",").map { $0.trimmed.lowercased() }
      guard usable.contains(where: allowed.contains) else {
        let have = usable.isEmpty ? "nothing for it" : usable.joined(separator: ", ")
        return (
          "allows validation by \(Self.shown(methods)) only, and acme.challenges has \(have)",
          "add \(usable.first ?? "dns-01") to validationmethods, or one of those to acme.challenges"
        )
      }
    }
    return nil
  }

  private static func list(_ records: [CAAProperty]) -> String {
    let names = records.map { Parameters($0.value).domain }.filter { !$0.isEmpty }.map(shown)
    return names.isEmpty ? "no CA at all" : names.joined(separator: ", ")
  }

  /// Text of others, fit for a terminal.
  private static func shown(_ text: String) -> String {
    String(
      text.unicodeScalars.map { $0.isASCII && $0.value >= 0x20 && $0.value != 0x7F ? Character($0) : "?" }
        .prefix(200))
  }
}

/// The parts of an issue property: a domain name and parameters (RFC 8659 §4.2).
private struct Parameters {
  let domain: String
  private let values: [(String, String)]

  init(_ text: String) {
    let parts = text.split(separator: ";", omittingEmptySubsequences: false).map(\.trimmed)
    domain = (parts.first ?? "").lowercased()
    values = parts.dropFirst().compactMap { part in
      guard let equals = part.firstIndex(of: "=") else { return nil }
      return (part[..<equals].trimmed.lowercased(), part[part.index(after: equals)...].trimmed)
    }
  }

  subscript(name: String) -> String? { values.first { $0.0 == name }?.1 }
}

extension StringProtocol {
  fileprivate var trimmed: String {
    let blank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
    return String(self.drop(while: blank).reversed().drop(while: blank).reversed())
  }
}
