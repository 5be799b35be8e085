import Bytes
import JSON

// What is listed.
extension StatusPage {
  /// How something does, which its colour shows and its words say.
  enum Health: String { case good, odd, bad }

  private static func badge(_ health: Health, _ words: String) -> String {
    "<span class=\"badge \(health.rawValue)\">\(words)</span>"
  }

  private static func table(_ caption: String, _ heads: [String], _ bodies: String) -> String {
    let cells = heads.map { head in
      let isWide = head.hasPrefix("~")
      return
        "<th scope=\"col\"\(isWide ? " class=\"wide\"" : "")>\(isWide ? String(head.dropFirst()) : head)</th>"
    }
    return
      "<table><caption class=\"hidden\">\(caption)</caption><thead><tr>\(cells.joined())</tr></thead>\(bodies)</table>"
  }

  // MARK: Backends

  static func health(ofBackend one: JSONValue) -> Health {
    switch one["state"]?.string {
    case "healthy", "unchecked": .good
    case "drained", "loading", "busy": .odd
    default: .bad
    }
  }

  var backends: String {
    let services = status["services"]?.elements ?? []
    guard !services.isEmpty else { return "<p class=\"none\">No services are configured.</p>" }
    let bodies = services.map { service -> String in
      // What needs a look comes first.
      let all = service["backends"]?.elements ?? []
      let sorted = [Health.bad, .odd, .good].flatMap { wanted in
        all.filter { Self.health(ofBackend: $0) == wanted }
      }
      let queue = service["queue"].map {
        " · \(Markup.text($0, "waiting")) of \(Markup.text($0, "size")) wait"
      }
      return """
        <tbody><tr class="group"><th scope="rowgroup" colspan="5">\(Markup.text(service, "name")) \
        <span class="note">\(Markup.text(service, "kind")), \(Markup.text(service, "policy"))\(queue ?? "")</span></th></tr>\
        \(sorted.map(row).joined())</tbody>
        """
    }
    return Self.table(
      "Backends by service", ["Backend", "State", "Requests", "~Tokens/s", "~Weight"], bodies.joined())
  }

  private func row(_ one: JSONValue) -> String {
    let name = Markup.text(one, "backend")
    let address = Markup.text(one, "address")
    let place = address.isEmpty || address == name ? "" : "<span class=\"note\">\(address)</span>"
    let why = one["why"]?.string.map { "<span class=\"why\">\(Markup.text($0))</span>" } ?? ""
    return """
      <tr><th scope="row">\(name)\(place)</th>\
      <td>\(Self.badge(Self.health(ofBackend: one), Markup.text(one, "state")))\(why)</td>\
      <td class="number">\(Markup.text(one, "requests"))</td>\
      <td class="number wide">\(Markup.text(one, "tokens_per_second"))</td>\
      <td class="number wide">\(Markup.text(one, "weight"))</td></tr>
      """
  }

  // MARK: Certificates

  /// How a certificate does, and in which words.
  func health(of one: JSONValue) -> (kind: Health, words: String) {
    let end = UnixTime(rfc3339: one["not_after"]?.string ?? "") ?? now
    let left = end - now
    let life = UnixTime(rfc3339: one["not_before"]?.string ?? "").map { end - $0 } ?? 0
    let finding = one["findings"]?.elements.first.map { Markup.text($0, "message") }
    if left <= 0 { return (.bad, "expired") }
    if let finding { return (.bad, finding) }
    if one["renewal_failing"]?.bool == true {
      let why = one["last_error"]?.string.map { ": \(Markup.text($0))" } ?? ""
      return (.bad, "could not be renewed\(why)")
    }
    // By then it should have been renewed long ago.
    return left < life / 5 ? (.odd, "expires soon") : (.good, "valid")
  }

  var certificates: String {
    let all = status["certificates"]?.elements ?? []
    guard !all.isEmpty else { return "<p class=\"none\">No certificate is presented.</p>" }
    let rows = all.map { (one: $0, health: health(of: $0)) }
    let sorted = [Health.bad, .odd, .good].flatMap { wanted in rows.filter { $0.health.kind == wanted } }
    return Self.table(
      "Certificates that are presented", ["Names", "State", "Expires", "~Renewal", "~Issuer"],
      "<tbody>\(sorted.map { row($0.one, $0.health) }.joined())</tbody>")
  }

  private func row(_ one: JSONValue, _ health: (kind: Health, words: String)) -> String {
    let names = one["names"]?.strings ?? []
    let shown = names.prefix(4).map(Markup.text).joined(separator: "<br>")
    let more = names.count > 4 ? "<span class=\"note\">and \(names.count - 4) more</span>" : ""
    let isFile = one["source"]?.string == "file"
    let source = isFile ? "file \(Markup.text(one, "name"))" : "store: \(Markup.text(one, "name"))"
    let word = health.kind == .good ? "valid" : health.kind == .odd ? health.words : "needs a look"
    let why = health.kind == .bad ? "<span class=\"why\">\(health.words)</span>" : ""
    let next = one["next_attempt"]?.string.map(time)
    return """
      <tr><th scope="row">\(shown)\(more)<span class="note">\(source)</span></th>\
      <td>\(Self.badge(health.kind, word))\(why)</td>\
      <td>\(time(one["not_after"]?.string ?? ""))\(validity(one))</td>\
      <td class="wide">\(next.map { "not before \($0)" } ?? (isFile ? "by whoever writes the file" : "–"))</td>\
      <td class="wide">\(Markup.text(one, "issuer"))</td></tr>
      """
  }

  /// How much of its life a certificate has behind it.
  private func validity(_ one: JSONValue) -> String {
    guard let from = UnixTime(rfc3339: one["not_before"]?.string ?? ""),
      let to = UnixTime(rfc3339: one["not_after"]?.string ?? ""), to > from
    else { return "" }
    let used = min(100, max(0, Int(100 * Double(now - from) / Double(to - from))))
    return """
      <svg class="life" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" \
      aria-label="\(used) % of its life is over"><rect class="rest" width="100" height="6"/>\
      <rect class="used" width="\(used)" height="6"/></svg>
      """
  }

  /// A time as the distance to it, with the time itself.
  private func time(_ text: String) -> String {
    guard let time = UnixTime(rfc3339: text) else { return Markup.text(text) }
    let seconds = time - now
    let distance = seconds >= 0 ? "in \(Markup.span(seconds))" : "\(Markup.span(-seconds)) ago"
    let shown = Markup.text(text)
    return "<time datetime=\"\(shown)\">\(distance)<span class=\"note\">\(shown)</span></time>"
  }

  // MARK: The rest

  var listeners: String {
    let rows = (status["listeners"]?.elements ?? []).map {
      "<tr><th scope=\"row\">\(Markup.text($0, "address"))</th><td>\(Markup.text($0, "protocol"))</td></tr>"
    }
    return Self.table("Listening addresses", ["Address", "Protocol"], "<tbody>\(rows.joined())</tbody>")
  }

  var keys: String {
    let near = status["keys_near_limits"]?.elements ?? []
    guard !near.isEmpty else { return "<p class=\"none\">None is near its limits of a minute.</p>" }
    let rows = near.map { one in
      let limit = Markup.text(one["limit"]?.string?.replacing("_", with: " ") ?? "")
      return """
        <tr><th scope="row">\(Markup.text(one, "name"))<span class="note">\(Markup.text(one, "group"))</span></th>\
        <td>\(limit)</td><td class="number">\(Markup.text(one, "used")) of \(Markup.text(one, "of"))</td></tr>
        """
    }
    return Self.table(
      "Keys that have used most of a limit", ["Key", "Limit", "Used"], "<tbody>\(rows.joined())</tbody>")
  }

  var events: String {
    let last = (status["events"]?.elements ?? []).suffix(Self.maximumEvents).reversed()
    guard !last.isEmpty else { return "<p class=\"none\">Nothing has been logged.</p>" }
    let known: Set<String> = ["time", "level", "message", "truncated"]
    let items = last.map { one -> String in
      let values = one.members.filter { !known.contains($0.key) }.sorted { $0.key < $1.key }
      let shown = values.map { "\(Markup.text($0.key)) \(Markup.text(one, $0.key))" }.joined(separator: " · ")
      let level = one["level"]?.string ?? ""
      let health: Health = level == "error" ? .bad : level == "warn" ? .odd : .good
      let time = Markup.text(one, "time")
      return """
        <li><time datetime="\(time)">\(time.dropFirst(11).prefix(8))</time> \
        \(Self.badge(health, Markup.text(level))) \(Markup.text(one, "message"))\
        <span class="note">\(shown)</span></li>
        """
    }
    return "<ol class=\"events\">\(items.joined())</ol>"
  }
}
