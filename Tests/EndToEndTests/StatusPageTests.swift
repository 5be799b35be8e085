import Bytes
import JSON
import OS
import PKI
import Telemetry
import TestRun
import Testing

@testable import certd

/// The status page as a text.
@Suite(.ownThread) struct StatusPageTests {
  static let now = UnixTime(seconds: 1_795_000_000)

  /// A status with so many backends and certificates, of which one each is in trouble.
  static func status(_ count: Int = 2, name: String = "127.0.0.1") -> JSONValue {
    let backends: [JSONValue] = (0..<count).map {
      [
        "service": "chat", "backend": .string("\(name):\($0)"), "address": .string("127.0.0.1:\($0)"),
        "state": $0 == 1 ? "unhealthy" : "healthy", "why": $0 == 1 ? "connect: refused" : .null,
        "requests": 3, "tokens_per_second": 100, "weight": 1,
      ]
    }
    let certificates: [JSONValue] = (0..<count).map {
      [
        "name": .string("site-\($0)"), "source": "store", "names": [.string("\($0).\(name).example.com")],
        "issuer": "CN=some CA", "not_before": .string((now + -86_400 * 10).description),
        "not_after": .string((now + 86_400 * 80).description), "findings": [],
        "renewal_failing": .bool($0 == 1), "last_error": $0 == 1 ? "rate limited; wait until noon" : .null,
        "next_attempt": .string((now + 86_400 * 50).description),
      ]
    }
    return [
      "version": "1", "uptime_seconds": 7200, "requests": 1, "connections": 2, "requests_total": 12_345,
      "draining": false, "reload": ["ok": true],
      "services": [
        ["name": "chat", "kind": "vllm", "policy": "least-request", "backends": .array(backends)]
      ],
      "certificates": .array(certificates), "keys_near_limits": [],
      "listeners": [["address": "127.0.0.1:443", "protocol": "https"]],
      "events": [["time": "2026-11-22T15:04:05.123Z", "level": "warn", "message": "odd", "reason": "a<b"]],
    ]
  }

  private func page(_ status: JSONValue, _ ring: TrafficRing = TrafficRing()) -> String {
    StatusPage.document(StatusPage(status: status, traffic: ring, now: Self.now).parts)
  }

  @Test("the page tells without any script what needs a look and why")
  func whole() {
    let html = page(Self.status())
    #expect(html.contains("<h1>2 things need a look</h1>") && html.contains("<html lang=\"en\">"))
    #expect(html.contains("Service chat: 1 of 2 backends get no requests."))
    #expect(html.contains("connect: refused") && html.contains("rate limited; wait until noon"))
    #expect(html.contains("in 80 days") && html.contains("not before <time"))
    #expect(page(Self.status(1)).contains("<h1>All is well</h1>"))
  }

  @Test("what backends and logs say is text, never markup")
  func escaped() {
    let html = page(Self.status(name: "<script>alert('x')</script>\u{202E}"))
    #expect(!html.contains("<script>alert") && html.contains("&lt;script&gt;alert(&#39;x&#39;)"))
    #expect(!html.contains("\u{202E}") && html.contains("a&lt;b"))
  }

  @Test("the policy lets exactly the page's own style and script run, and nothing come from elsewhere")
  func policy() throws {
    let html = page(Self.status())
    for (tag, directive) in [("style", "style-src"), ("script", "script-src")] {
      let parts = html.components("<\(tag)>", "</\(tag)>")
      #expect(parts.count == 1)
      let hash = Base64.encode(try Digest.sha256(Array((parts.first ?? "").utf8)))
      #expect(StatusPageAssets.policy.contains("\(directive) 'sha256-\(hash)'"))
    }
    #expect(StatusPageAssets.policy.hasPrefix("default-src 'none'"))
    #expect(!html.contains("http://") && !html.contains("https://") && !html.contains(" style="))
  }

  @Test("the ring forgets what is older than it looks back, and tells what came between")
  func ring() {
    var ring = TrafficRing()
    for second in 0..<UInt64(TrafficRing.maximumSeconds * 2) {
      var figures = TrafficFigures()
      figures.requests = second * 3
      ring.add(figures, at: second * 1000)
    }
    let rates = ring.series { Double($0.requests) / $1 }
    #expect(rates.count == TrafficRing.maximumSeconds && rates.allSatisfy { $0 == 3 })
    #expect(ring.last(10).figures.requests == 30 && ring.last(10).seconds == 10)
    #expect(Sparkline(values: rates, label: "a").svg.utf8.count < 8000)
  }

  @Test("a chart has a gap where nothing was measured, and stays within its frame")
  func sparkline() {
    let svg = Sparkline(values: [1, 2, nil, 0, 4], label: "a \"b\"").svg
    #expect(svg.matches(of: /M/).count == 4 && svg.contains("aria-label=\"a &quot;b&quot;\""))
    for match in svg.matches(of: /[ML]([-\d.]+) ([-\d.]+)/) {
      #expect((0...300).contains(Double(match.1) ?? -1) && (0...56).contains(Double(match.2) ?? -1))
    }
  }

  @Test("figures are short, and spans have their largest unit")
  func figures() {
    #expect(
      [0, 3.45, 99.96, 1234, 12_345].map(Markup.number) == ["0", "3.5", "100", "1234", "12.3k"])
    #expect([850, 3400, 1_200_000].map(Markup.duration) == ["850 µs", "3.4 ms", "1.2 s"])
    #expect(
      [5, 130, 7300, 86_400 * 57].map(Markup.span) == ["5 seconds", "2 minutes", "2 hours", "57 days"])
  }

  @Test("a part that has not changed is not sent again, a long one not at once")
  func feed() async {
    let feed = PageFeed()
    let long = String(repeating: "x", count: Daemon.longPartBytes + 1)
    #expect(
      await feed.piece([.init(id: "a", html: "1"), .init(id: "b", html: long)])
        == "data: {\"a\":\"1\",\"b\":\"\(long)\"}\n\n")
    #expect(
      await feed.piece([.init(id: "a", html: "1"), .init(id: "b", html: "\(long)y")]) == "data: {}\n\n")
    #expect(await feed.piece([.init(id: "a", html: "2\n")]) == "data: {\"a\":\"2\\n\"}\n\n")
  }

  @Test("a thousand backends and certificates are shown, the troubled ones first")
  func many() throws {
    let began = Clock.monotonicNanoseconds()
    let html = page(Self.status(1000))
    print("1000 backends and certificates: \((Clock.monotonicNanoseconds() - began) / 1_000_000) ms")
    let troubled = try #require(html.range(of: "unhealthy")?.lowerBound)
    let healthy = try #require(html.range(of: ">healthy<")?.lowerBound)
    #expect(troubled < healthy && html.matches(of: />healthy</).count == 999)
  }
}

extension String {
  /// What stands between each pair of these.
  fileprivate func components(_ start: String, _ end: String) -> [String] {
    var out: [String] = []
    var rest = self[...]
    while let from = rest.range(of: start), let to = rest[from.upperBound...].range(of: end) {
      out.append(String(rest[from.upperBound..<to.lowerBound]))
      rest = rest[to.upperBound...]
    }
    return out
  }

  fileprivate func range(of part: String) -> Range<String.Index>? { firstRange(of: part) }
}

extension Substring {
  fileprivate func range(of part: String) -> Range<String.Index>? { firstRange(of: part) }
}
