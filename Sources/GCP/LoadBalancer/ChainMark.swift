internal import JSON
internal import PKI
internal import Bytes

/// How a chain's own resources are known: by JSON in their description, and by a label where the kind has them.
enum ChainMark {
  /// The label's name.
  static let label = "certd-load-balancer"

  /// The description of a resource of a chain; what a former owner wrote is kept beside it.
  static func description(_ chain: String, installation: String? = nil, note: String = "") -> String {
    var mark: JSONValue = ["certd": 1, "load_balancer": .string(chain)]
    if let installation { mark["installation"] = .string(installation) }
    if !note.isEmpty { mark["note"] = .string(String(note.prefix(500))) }
    return mark.text
  }

  /// Whether a resource is a chain's own.
  static func isOurs(_ resource: JSONValue, chain: String) -> Bool {
    resource["labels"]?[label]?.string == chain || mark(of: resource)?["load_balancer"]?.string == chain
  }

  /// The chain that a resource was made for; nil when it is none of ours.
  static func chain(of resource: JSONValue) -> String? {
    resource["labels"]?[label]?.string ?? mark(of: resource)?["load_balancer"]?.string
  }

  /// Whether an installation may clear it away: its own, and what was made before there were identifiers. Another one may
  /// be in the middle of making its chain.
  static func isRemovable(_ resource: JSONValue, by installation: String?) -> Bool {
    let owner = mark(of: resource)?["installation"]?.string
    return owner == nil || owner == installation
  }

  private static func mark(of resource: JSONValue) -> JSONValue? {
    guard let text = resource["description"]?.string, text.hasPrefix("{"),
      let mark = try? JSONValue(parsing: Array(text.utf8)), mark["certd"]?.int == 1
    else { return nil }
    return mark
  }
}

/// Names as Google wants them: at most 63 of lower-case letters, digits and hyphens, a letter first.
enum ChainName {
  /// The longest name, in characters.
  static let maximumLength = 63
  /// Characters of the hash that tells apart what would otherwise have one name.
  static let hashLength = 8

  static func make(_ parts: String...) -> String {
    let whole = parts.joined(separator: "-")
    var out = ""
    for scalar in whole.lowercased().unicodeScalars {
      let isPlain = ("a"..."z").contains(scalar) || ("0"..."9").contains(scalar)
      if isPlain { out.unicodeScalars.append(scalar) } else if !out.hasSuffix("-") { out += "-" }
    }
    while out.hasSuffix("-") { out.removeLast() }
    guard out != whole || out.count > maximumLength else { return out }
    let digest = (try? Digest.sha256(Array(whole.utf8))) ?? []
    var kept = out.prefix(maximumLength - hashLength - 1)
    while kept.hasSuffix("-") { kept.removeLast() }
    return "\(kept)-\(Hex.encode(digest).prefix(hashLength))"
  }
}
