import JSON
import OS
import Proxy

// The status page, and what goes on in it.
extension Daemon {
  /// How often traffic is looked at, in seconds.
  static let sampleSeconds = 1.0
  /// How long parts are shown to whoever asks before they are made again, in milliseconds.
  static let partsMilliseconds: UInt64 = 900
  /// Parts longer than this are not sent again at once, in bytes.
  static let longPartBytes = 32 << 10
  /// How many pieces pass until a long part is sent again.
  static let longPartPieces = 5

  /// Remembers what is counted, again and again.
  func sampleTraffic() -> Task<Void, Never> {
    Task {
      while !Task.isCancelled {
        traffic.add(proxy.traffic, at: OS.Clock.monotonicNanoseconds() / 1_000_000)
        try? await World.sleep(seconds: Self.sampleSeconds)
      }
    }
  }

  /// The page as it is now.
  func pageAnswer() async -> AdminAnswer {
    var answer = AdminAnswer(
      status: 200, contentType: "text/html; charset=utf-8", body: StatusPage.document(await currentParts()))
    answer.extra = [
      ("Content-Security-Policy", StatusPageAssets.policy), ("Referrer-Policy", "no-referrer"),
      ("Cross-Origin-Resource-Policy", "same-origin"),
    ]
    return answer
  }

  /// The parts of the page, by server-sent events: what has changed, as long as somebody listens.
  func pageEvents() -> AdminAnswer {
    let feed = PageFeed()
    return AdminAnswer(status: 200, contentType: "text/event-stream", body: "") { [weak self] in
      guard let self else { return nil }
      return await feed.piece(await self.currentParts())
    }
  }

  /// Made once for all who ask at the same time.
  private func currentParts() async -> [StatusPage.Part] {
    let now = OS.Clock.monotonicNanoseconds() / 1_000_000
    if let pageParts, now < pageParts.at + Self.partsMilliseconds { return pageParts.parts }
    let parts = StatusPage(status: await statusJSON(), traffic: traffic, now: World.now()).parts
    pageParts = (now, parts)
    return parts
  }
}

/// What one listener has been sent.
actor PageFeed {
  private var known: [String: String] = [:]
  private var pieces = 0

  /// An event with every part that is not as it was sent.
  func piece(_ parts: [StatusPage.Part]) -> String {
    defer { pieces += 1 }
    var fresh: [String: JSONValue] = [:]
    for part in parts where known[part.id] != part.html {
      guard part.html.utf8.count <= Daemon.longPartBytes || pieces % Daemon.longPartPieces == 0 else {
        continue
      }
      known[part.id] = part.html
      fresh[part.id] = .string(part.html)
    }
    return "data: \(JSONValue.object(fresh).text)\n\n"
  }
}
