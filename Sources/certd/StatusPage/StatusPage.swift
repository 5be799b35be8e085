import Bytes
import JSON

/// The page that shows what certd does: made whole by the daemon, it needs no script. Pure.
struct StatusPage {
  /// A part of the page that changes by itself.
  struct Part: Sendable, Equatable {
    let id: String
    let html: String
  }

  /// What `GET /status` tells.
  let status: JSONValue
  let traffic: TrafficRing
  let now: UnixTime

  /// The most events that are shown.
  static let maximumEvents = 40

  /// All parts, as they are now.
  var parts: [Part] {
    [
      Part(id: "verdict", html: verdict), Part(id: "figures", html: figures),
      Part(id: "backends", html: backends), Part(id: "certificates", html: certificates),
      Part(id: "listeners", html: listeners), Part(id: "keys", html: keys), Part(id: "log", html: events),
    ]
  }

  /// The whole page around its parts.
  static func document(_ parts: [Part]) -> String {
    let known = Dictionary(parts.map { ($0.id, $0.html) }, uniquingKeysWith: { $1 })
    func part(_ id: String) -> String { "<div id=\"\(id)\">\(known[id] ?? "")</div>" }
    func card(_ id: String, _ title: String) -> String {
      """
      <section class="card \(id)" aria-labelledby="h-\(id)"><h2 id="h-\(id)">\(title)</h2>
      <div class="scroll" role="region" tabindex="0" aria-labelledby="h-\(id)">\(part(id))</div></section>

      """
    }
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta name="color-scheme" content="light dark">
      <meta name="robots" content="noindex">
      <title>certd</title>
      <link rel="icon" href="data:,">
      <noscript><meta http-equiv="refresh" content="10"></noscript>
      <style>\(StatusPageAssets.style)</style>
      </head>
      <body>
      <header>\(part("verdict"))</header>
      <main>
      <section aria-labelledby="h-figures"><h2 id="h-figures" class="hidden">The last five minutes</h2>\(part("figures"))</section>
      <div class="cards">
      \(card("backends", "Services and backends"))\
      \(card("certificates", "Certificates"))\
      \(card("log", "Recent events"))\
      \(card("keys", "Keys near their limits"))\
      \(card("listeners", "Listeners"))\
      </div>
      </main>
      <footer><p id="live">As it was when the page was loaded.</p></footer>
      <script>\(StatusPageAssets.script)</script>
      </body>
      </html>

      """
  }

  // MARK: The verdict

  /// What somebody should look at, each in a sentence.
  var troubles: [String] {
    var out: [String] = []
    if status["draining"]?.bool == true { out.append("certd is told to want no new clients.") }
    if status["reload"]?["ok"]?.bool == false {
      out.append("The last reload was refused: \(Markup.text(status["reload"] ?? .null, "error"))")
    }
    for file in status["unusable_files"]?.strings ?? [] { out.append("Cannot be used: \(Markup.text(file))") }
    for one in status["certificates"]?.elements ?? [] where health(of: one).kind == .bad {
      out.append("Certificate \(Markup.text(one, "name")): \(health(of: one).words)")
    }
    for service in status["services"]?.elements ?? [] {
      let all = service["backends"]?.elements ?? []
      let good = all.filter { Self.health(ofBackend: $0) == .good }
      guard good.count < all.count else { continue }
      let name = Markup.text(service, "name")
      out.append(
        good.isEmpty
          ? "Service \(name) has no backend that gets requests."
          : "Service \(name): \(all.count - good.count) of \(all.count) backends get no requests.")
    }
    return out
  }

  private var verdict: String {
    let troubles = troubles
    let shown = troubles.prefix(6).map { "<li>\($0)</li>" }.joined()
    let more = troubles.count > 6 ? "<li>and \(troubles.count - 6) more</li>" : ""
    let uptime = Markup.span(status["uptime_seconds"]?.int ?? 0)
    let title =
      troubles.isEmpty
      ? "All is well"
      : troubles.count == 1 ? "One thing needs a look" : "\(troubles.count) things need a look"
    return """
      <div class="brand"><span class="mark \(troubles.isEmpty ? "good" : "bad")" aria-hidden="true"></span>\
      <h1>\(title)</h1></div>
      <p class="facts">certd \(Markup.text(status, "version")), up for \(uptime) · \
      <b>\(Markup.text(status, "requests"))</b> requests under way · \
      <b>\(Markup.text(status, "connections"))</b> connections · \
      \(Markup.number(Double(status["requests_total"]?.int ?? 0))) requests so far</p>
      \(troubles.isEmpty ? "" : "<ul class=\"troubles\">\(shown)\(more)</ul>")
      """
  }
}
