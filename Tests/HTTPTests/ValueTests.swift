@testable import HTTP
import TestSupport
import TestRun
import Testing

@Suite(.ownThread) struct URLTests {
  struct Good: Sendable {
    let text: String
    let host: String
    let port: UInt16
    let target: String
    let whole: String
  }

  @Test(
    "a URL is read into its parts",
    arguments: [
      Good(text: "http://a", host: "a", port: 80, target: "/", whole: "http://a/"),
      Good(
        text: "https://A.Example/x", host: "a.example", port: 443, target: "/x", whole: "https://a.example/x"),
      Good(text: "HTTPS://a:443/", host: "a", port: 443, target: "/", whole: "https://a/"),
      Good(text: "https://a:8443?q", host: "a", port: 8443, target: "/?q", whole: "https://a:8443/?q"),
      Good(text: "http://a:/x", host: "a", port: 80, target: "/x", whole: "http://a/x"),
      Good(text: "http://[::1]:80/", host: "::1", port: 80, target: "/", whole: "http://[::1]/"),
      Good(
        text: "http://[2001:DB8::1]:81", host: "2001:db8::1", port: 81, target: "/",
        whole: "http://[2001:db8::1]:81/"),
      Good(
        text: "http://192.0.2.1:65535/a?b=c", host: "192.0.2.1", port: 65_535, target: "/a?b=c",
        whole: "http://192.0.2.1:65535/a?b=c"),
      Good(text: "http://a_b-c.d", host: "a_b-c.d", port: 80, target: "/", whole: "http://a_b-c.d/"),
    ])
  func good(_ good: Good) throws {
    let url = try #require(URL(good.text))
    #expect(url.host == good.host)
    #expect(url.port == good.port)
    #expect(url.target == good.target)
    #expect(url.description == good.whole)
    #expect(URL(url.description) == url)
  }

  @Test(
    "what is no URL to send a request to is refused",
    arguments: [
      "", "a", "//a", "/x", "ftp://a", "http:/a", "http:a", "http://", "http:///x", "https://:443/",
      "http://u@a/", "http://u:p@a/", "http://a@b", "http://a#f", "http://a/#f", "http://a b/", "http://a/ b",
      "http://a\r\nX: y/", "http://a/\r\n", "http://a/\u{0}", "http://a/\u{E9}", "http://\u{212A}/",
      "http://a:0/",
      "http://a:65536/", "http://a:-1/", "http://a:+1/", "http://a:8a/", "http://a:1:2/", "http://::1/",
      "http://[::1/", "http://[]/", "http://[a]/", "http://[::1]a/", "http://[::g]/", "http://a%41/",
      "http://a\\b/", "http://a,b/", "http://(a)/", " http://a", "http://a ",
      "http://" + String(repeating: "a", count: 254), "http://a/" + String(repeating: "b", count: 8192),
    ])
  func bad(_ text: String) { #expect(URL(text) == nil) }

  @Test(
    "a reference is resolved to an absolute URL or refused",
    arguments: [
      ("/b", "https://a:8443/b"), ("//c/d", "https://c/d"), ("http://d/e", "http://d/e"),
      ("/", "https://a:8443/"),
      ("b", nil), ("", nil), ("?q", nil), ("#f", nil), ("mailto:x", nil), ("/b c", nil),
    ] as [(String, String?)])
  func resolving(_ reference: String, _ expected: String?) throws {
    let base = try #require(URL("https://a:8443/x/y"))
    #expect(base.resolving(reference)?.description == expected)
  }
}

@Suite(.ownThread) struct FieldsTests {
  @Test("names are compared without regard to ASCII case, and only ASCII case")
  func names() {
    let fields: Fields = [.init("Content-Type", "a"), .init("X-\u{212A}", "b")]
    #expect(fields["content-type"] == "a")
    #expect(fields["CONTENT-TYPE"] == "a")
    #expect(fields["x-k"] == nil)
    #expect(fields["content-typ"] == nil)
  }

  @Test("a name may come several times, in order")
  func repeated() {
    var fields: Fields = []
    fields.add("Link", "1")
    fields.add("X", "y")
    fields.add("link", "2")
    #expect(fields.values("LINK") == ["1", "2"])
    #expect(fields["Link"] == "1")
  }

  @Test("setting a name replaces all its lines; setting nil removes them")
  func setting() {
    var fields: Fields = [.init("A", "1"), .init("a", "2"), .init("B", "3")]
    fields["a"] = "4"
    #expect(fields.values("A") == ["4"])
    fields["A"] = nil
    #expect(fields.all == [.init("B", "3")])
  }
}

@Suite(.ownThread) struct CharacterTests {
  @Test("the written-out masks are those of RFC 9110's token characters")
  func masks() {
    #expect(Characters.masksAgree)
    let tokens = Set("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
    for c in UInt8.min...UInt8.max { #expect(Characters.isToken(c) == tokens.contains(c), "\(c)") }
  }

  @Test("a range of value characters is judged like its single bytes, whatever stands beside them")
  func ranges() {
    var random = SeededGenerator(seed: 11)
    for length in 0..<40 {
      for _ in 0..<200 {
        var bytes = random.bytes(length).map { $0 < 0x20 || $0 == 0x7F ? $0 | 0x80 : $0 }
        if length > 0, Bool.random(using: &random) {
          let odd: [UInt8] = [0, 9, 10, 13, 0x1F, 0x7F, 0x80, 0x20, 0xFF, 0xA0]
          bytes[Int.random(in: 0..<length, using: &random)] = odd.randomElement(using: &random) ?? 0
        }
        let good = bytes.allSatisfy(Characters.isValue)
        bytes.withUnsafeBufferPointer { buffer in
          guard let base = buffer.baseAddress else { return }
          #expect(Characters.areValue(base, buffer.count) == good, "\(bytes)")
        }
      }
    }
  }
}

@Suite(.ownThread) struct ListTests {
  @Test(
    "list elements come trimmed, empty ones left out",
    arguments: [
      ("", []), (",", []), (" , ,", []), ("a", ["a"]), ("a,b", ["a", "b"]),
      (" a ,\tb\t, c d ", ["a", "b", "c d"]),
      (",a,,b,", ["a", "b"]),
    ] as [(String, [String])])
  func elements(_ text: String, _ expected: [String]) {
    var found: [String] = []
    latin1(text).withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      ListElements.forEach(base, buffer.count) { element, count in
        found.append(String(decoding: UnsafeBufferPointer(start: element, count: count), as: UTF8.self))
        return true
      }
    }
    #expect(found == expected)
  }
}

@Suite(.ownThread) struct FieldNameTests {
  @Test("known names are recognised in any letter case, and nothing beside them")
  func identify() {
    let known: [(String, FieldName)] = [
      ("Host", .host), ("Connection", .connection), ("Content-Length", .contentLength),
      ("Transfer-Encoding", .transferEncoding), ("Expect", .expect), ("Upgrade", .upgrade), ("TE", .te),
      ("Trailer", .trailer), ("Keep-Alive", .keepAlive), ("Proxy-Connection", .proxyConnection),
      ("Via", .via),
      ("Forwarded", .forwarded), ("X-Forwarded-For", .xForwardedFor), ("X-Forwarded-Proto", .xForwardedProto),
      ("X-Forwarded-Host", .xForwardedHost), ("X-Forwarded-Port", .xForwardedPort),
      ("HTTP2-Settings", .http2Settings), ("Proxy-Authenticate", .proxyAuthenticate),
      ("Proxy-Authorization", .proxyAuthorization), ("Server", .server), ("Date", .date),
    ]
    func identify(_ name: String) -> FieldName {
      latin1(name).withUnsafeBufferPointer { buffer in
        buffer.baseAddress.map { FieldName.identify($0, buffer.count) } ?? .other
      }
    }
    for (name, expected) in known {
      for spelling in [name, name.lowercased(), name.uppercased()] { #expect(identify(spelling) == expected) }
      for index in name.indices {
        var other = name
        other.replaceSubrange(index...index, with: "q")
        #expect(identify(other) == .other, "\(other)")
      }
    }
  }
}
