internal import HTTP

/// Link fields (RFC 8288 §3), as far as ACME uses them. May come as several lines or as one with commas.
enum Link {
  /// The targets with a relation type, in order, resolved against the URL of the answer.
  static func targets(_ relation: String, in fields: Fields, base: URL) -> [URL] {
    fields.values("Link").flatMap(entries).compactMap { entry in
      guard entry.hasPrefix("<"), let close = entry.firstIndex(of: ">") else { return nil }
      let reference = entry[entry.index(after: entry.startIndex)..<close]
      let parameters = entry[entry.index(after: close)...].split(separator: ";")
      guard parameters.contains(where: { isRelation($0, relation) }) else { return nil }
      return base.resolving(String(reference))
    }
  }

  /// Whether a parameter is `rel` and names the relation; a quoted value may name several.
  private static func isRelation(_ parameter: Substring, _ relation: String) -> Bool {
    let parts = parameter.split(separator: "=", maxSplits: 1).map { trimmed($0) }
    guard parts.count == 2, parts[0].lowercased() == "rel" else { return false }
    let value = parts[1].filter { $0 != "\"" }
    return value.split(separator: " ").contains { $0.lowercased() == relation }
  }

  /// Splits at commas that are neither inside `<…>` nor inside quotes.
  private static func entries(_ line: String) -> [Substring] {
    var out: [Substring] = []
    var start = line.startIndex
    var inTarget = false
    var inQuotes = false
    for index in line.indices {
      switch line[index] {
      case "<" where !inQuotes: inTarget = true
      case ">" where !inQuotes: inTarget = false
      case "\"" where !inTarget: inQuotes.toggle()
      case "," where !inTarget && !inQuotes:
        out.append(trimmed(line[start..<index]))
        start = line.index(after: index)
      default: break
      }
    }
    return out + [trimmed(line[start...])]
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text.drop { $0 == " " || $0 == "\t" }
    while let last = text.last, last == " " || last == "\t" { text.removeLast() }
    return text
  }
}
