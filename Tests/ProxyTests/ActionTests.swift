import HTTP
import TestPeers
import TestRun
import TestSupport
import Testing
import Upstream

@testable import Proxy

@Suite("What a route does besides passing requests on", .ownThread) struct ActionTests {
  /// Asks a route that no backend is behind.
  private func ask(_ head: String, _ edit: (inout Settings.Route) -> Void) async throws -> Answer {
    let settings = Settings.bare([]) { edit(&$0.routes[0]) }
    var found: Answer?
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write("\(head)\r\n\r\n")
      found = client.readAnswer()
    }
    return try #require(found)
  }

  typealias Edit = @Sendable (inout Settings.Redirect, inout Settings.RouteRules) -> Void

  private static let redirects: [(String, String, Edit)] = [
    ("/a?b=c", "https://h.test/a?b=c", { redirect, _ in redirect.scheme = .https }),
    ("/a?b=c", "http://new.test/a?b=c", { redirect, _ in redirect.host = "new.test" }),
    (
      "/a?b=c", "http://h.test:8080/x/y",
      { redirect, _ in (redirect.port, redirect.path, redirect.stripQuery) = (8080, "/x/y", true) }
    ),
    (
      "/old/a/b?c", "http://h.test:81/new/a/b?c",
      { _, rules in (rules.stripPrefix, rules.addPrefix) = ("/old", "/new") }
    ),
    (
      "/%6fld/../old/a", "http://h.test:81/new/a",
      { _, rules in (rules.stripPrefix, rules.addPrefix) = ("/old", "/new") }
    ),
  ]

  @Test(
    "a redirect leads to what it says, and keeps the rest of the request's URL", arguments: redirects.indices)
  func redirect(_ row: Int) async throws {
    let (target, expected, edit) = Self.redirects[row]
    let answer = try await ask("GET \(target) HTTP/1.1\r\nHost: h.test:81") { route in
      var redirect = Settings.Redirect()
      redirect.status = 302
      edit(&redirect, &route.rules)
      route.rules.redirect = redirect
    }
    #expect(answer.status == 302 && answer.field("Location") == expected)
  }

  @Test(
    "an answer of the route's own comes at once, with its type and when to ask again, and HEAD without content"
  )
  func respond() async throws {
    for (method, body) in [("GET", "<p>soon</p>"), ("HEAD", "")] {
      let settings = Settings.bare([]) { settings in
        var answer = Settings.DirectAnswer()
        answer.status = 503
        answer.page.body = Array("<p>soon</p>".utf8)
        answer.page.contentType = "text/html"
        answer.retryAfter = 90_500
        settings.routes[0].rules.respond = answer
      }
      try await Edge.serve(settings) { edge in
        let client = try edge.connect()
        for _ in 0..<2 {
          client.write("\(method) /x HTTP/1.1\r\nHost: h\r\n\r\n")
          let answer = client.readAnswer(toHead: method == "HEAD")
          #expect(answer.status == 503 && answer.body == body && answer.field("Content-Length") == "11")
          #expect(answer.field("Content-Type") == "text/html" && answer.field("Retry-After") == "91")
        }
      }
    }
  }

  @Test(
    "a path is put together anew from the parts of the client's",
    arguments: [
      ("/m/llama/v1/chat?x=1", "/v1/chat/llama?x=1"), ("/m/a%20b/v1/chat", "/v1/chat/a%20b"),
      ("/m/x/../llama/v1/chat", "/v1/chat/llama"),
    ])
  func rewrite(_ target: String, _ expected: String) async throws {
    let backend = try Backend { answerProbe($0) }
    var settings = Settings.bare(backend.target)
    settings.routes[0].paths = [.template("/m/{model}/v1/chat")]
    settings.routes[0].rules.rewritePath = "/v1/chat/{path.model}"
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write("GET \(target) HTTP/1.1\r\nHost: h\r\n\r\n")
      #expect(client.readAnswer().status == 200)
    }
    #expect(backend.finish().joined().hasPrefix("GET \(expected) HTTP/1.1\r\n"))
  }

  @Test(
    "fields have values of the request, on the way in and out, and what clients send of them does not count")
  func values() async throws {
    let backend = try Backend { wire in
      _ = wire.readHead()
      wire.write("HTTP/1.1 200 OK\r\nX-Who: nobody\r\nX-Kept: 1\r\nContent-Length: 2\r\n\r\nok")
      _ = wire.readHead()
    }
    var settings = Settings.bare(backend.target)
    settings.routes[0].paths = [.template("/t/{tenant}/*")]
    settings.routes[0].rules.headers.request.set = [
      .init("X-From", "{client_ip} {method} {host} {path}?{query}"), .init("X-Tenant", "{path.tenant}"),
      .init("X-Json", #"{"a":{header.X-A}}"#), .init("X-Session", "[{cookie.sid}][{cookie.none}]{tls.sni}"),
    ]
    settings.routes[0].rules.headers.request.add = [.init("X-Tenant-Of", "{path.tenant}")]
    settings.routes[0].rules.headers.response.set = [.init("X-Who", "{header.x-a} at {host}")]
    settings.routes[0].rules.headers.response.add = [.init("X-Kept", "2")]
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write(
        "GET /t/blue/x?y=1 HTTP/1.1\r\nHost: h.test\r\nX-A: 7\r\nX-From: me\r\nCookie: a=b; sid=s1; c=d\r\n\r\n"
      )
      let answer = client.readAnswer()
      #expect(answer.field("X-Who") == "7 at h.test" && answer.body == "ok")
      #expect(answer.all("X-Kept") == ["1", "2"])
      client.close()
    }
    let seen = backend.finish().joined()
    #expect(seen.contains("X-From: 127.0.0.1 GET h.test /t/blue/x?y=1\r\n") && !seen.contains("X-From: me"))
    #expect(seen.contains("X-Tenant: blue\r\n") && seen.contains("X-Tenant-Of: blue\r\n"))
    #expect(seen.contains("X-Json: {\"a\":7}\r\n") && seen.contains("X-Session: [s1][]\r\n"))
  }

  @Test(
    "more content than a route takes is refused, whether its length is told or not",
    arguments: [
      "Content-Length: 11\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n",
      "Transfer-Encoding: chunked\r\n\r\n8\r\n01234567\r\n8\r\n01234567\r\n",
    ])
  func body(_ rest: String) async throws {
    let backend = try Backend { answerProbe($0) }
    var settings = Settings.bare(backend.target)
    settings.routes[0].rules.limits.body = 10
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write("POST / HTTP/1.1\r\nHost: h\r\n\(rest)")
      let answer = client.readAnswer()
      #expect(answer.status == 413 && answer.body.contains("larger than this route takes"))
      let other = try edge.connect()
      other.write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123456789")
      #expect(other.readAnswer().status == 200)
    }
    _ = backend.finish()
  }

  @Test("a client that asks more often than it may is told when to come again, and another one is not")
  func rates() async throws {
    let settings = Settings.bare([]) { settings in
      settings.routes[0].rules.respond = Settings.DirectAnswer()
      settings.routes[0].rules.limits.header = "X-User"
      settings.routes[0].rates = RateTable(requestsPerSecond: 1, burst: 2)
    }
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      func ask(_ user: String) -> Answer {
        client.write("GET / HTTP/1.1\r\nHost: h\r\nX-User: \(user)\r\n\r\n")
        return client.readAnswer()
      }
      #expect(ask("a").status == 200 && ask("a").status == 200)
      let refused = ask("a")
      #expect(refused.status == 429 && refused.field("Retry-After") == "1")
      #expect(ask("b").status == 200)
    }
  }

  @Test("the clock of a client goes on evenly, and lets a burst through after a pause")
  func clock() {
    let table = RateTable(requestsPerSecond: 10, burst: 3)
    func take(_ now: UInt64, _ hash: UInt64 = 0xABCD_0000_0000_0001) -> UInt64? {
      table.take(hash, nowMicroseconds: 1_000_000 + now)
    }
    #expect([take(0), take(0), take(0)] == [nil, nil, nil])
    #expect(take(0) == 100 && take(40_000) == 60 && take(100_000) == nil && take(100_000) == 100)
    #expect(
      [take(2_000_000), take(2_000_000), take(2_000_000)] == [nil, nil, nil] && take(2_000_000) != nil)
    // A long time is no time ahead.
    #expect(take(20_000_000_000_000) == nil)
    for other in 0..<10_000 as Range<UInt64> { _ = take(0, other << 44 | other) }
    #expect(take(20_000_000_000_000, 0xFFFF_0000_0000_1234) == nil)
  }

  @Test("errors have the route's own content, and those of backends where that is asked for")
  func pages() async throws {
    let backend = try Backend { wire in
      while wire.readHead().hasSuffix("\r\n\r\n") {
        wire.write("HTTP/1.1 502 Bad\r\nX-Secret: 1\r\nContent-Length: 3\r\n\r\nbad")
      }
    }
    for intercepts in [false, true] {
      var settings = Settings.bare(backend.target)
      settings.services.append(.init(name: "nobody", backends: []))
      var page = Settings.Page()
      page.body = Array("<p>sorry</p>".utf8)
      page.contentType = "text/html"
      settings.routes.append(.init(hosts: [], paths: [.exact("/none")], service: 1))
      for place in 0...1 {
        settings.routes[place].rules.errors = [502: page, 503: page]
        settings.routes[place].rules.interceptErrors = intercepts
      }
      try await Edge.serve(settings) { edge in
        let client = try edge.connect()
        client.write("GET /none HTTP/1.1\r\nHost: h\r\n\r\n")
        let own = client.readAnswer()
        #expect(own.status == 503 && own.body == "<p>sorry</p>" && own.field("Content-Type") == "text/html")
        client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        let theirs = client.readAnswer()
        #expect(theirs.status == 502 && theirs.body == (intercepts ? "<p>sorry</p>" : "bad"))
        #expect((theirs.field("X-Secret") == nil) == intercepts)
      }
    }
    _ = backend.finish()
  }

  @Test("a route's own time limit and number of attempts hold in place of its service's")
  func overrides() async throws {
    let slow = try Backend { wire in
      _ = wire.readHead()
      _ = wire.readHead()
    }
    var settings = Settings.bare(slow.target)
    settings.routes[0].rules.overrides.responseHead = 50
    settings.routes[0].rules.overrides.attempts = 0
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
      #expect(client.readAnswer().status == 504)
    }
    _ = slow.finish()
  }

  @Test(
    "words in braces are values, and other braces are text",
    arguments: [
      ("{client_ip}", 1, nil), ("a {header.X-A} b", 3, nil), (#"{"json":1}"#, 1, nil), ("{}", 1, nil),
      ("ab{hosts}", 1, "hosts"), ("{header.}", 1, "header."), ("{ host }", 1, nil), ("{{host}}", 3, nil),
      ("${host}", 1, nil),
    ] as [(String, Int, String?)])
  func texts(_ text: String, _ parts: Int, _ unknown: String?) {
    let value = ValueText(text)
    #expect(value.parts.count == parts && value.unknown?.word == unknown)
    if unknown == "hosts" { #expect(value.unknown?.offset == 2) }
  }
}
