/// The domain under which a name was registered, as limits of CAs count them.
enum RegisteredDomain {
  /// Labels that registries of two-letter top-level domains sell below: `co.uk`, `com.au`, `gov.br`.
  private static let registryLabels: Set<Substring> = [
    "ac", "asn", "co", "com", "edu", "go", "gob", "gov", "govt", "gv", "id", "info", "ltd", "me", "mil", "ne",
    "net", "nom", "or", "org", "plc", "sch",
  ]

  /// The registered domain of a name; nil for an address. A rule of thumb: the list of public suffixes changes
  /// weekly, and where this is wrong, the CA's own answer counts.
  static func of(_ identifier: String) -> String? {
    var labels = identifier.split(separator: ".", omittingEmptySubsequences: true)
    if labels.first == "*" { labels.removeFirst() }
    guard let top = labels.last, !identifier.contains(":"), !top.allSatisfy(\.isNumber) else { return nil }
    let isBelowRegistry =
      labels.count >= 3 && top.utf8.count == 2 && registryLabels.contains(labels[labels.count - 2])
    return labels.suffix(isBelowRegistry ? 3 : 2).joined(separator: ".")
  }
}
