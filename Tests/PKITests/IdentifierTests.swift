import PKI
import TestRun
import Testing

@Suite("Identifiers", .ownThread) struct IdentifierTests {
  @Test(
    "a name or address is accepted in canonical form",
    arguments: [
      ("Example.COM", "example.com"), ("localhost", "localhost"), ("*.example.com", "*.example.com"),
      ("a-b.x1.example", "a-b.x1.example"), ("xn--bcher-kva.example", "xn--bcher-kva.example"),
      ("127.0.0.1", "127.0.0.1"), ("[::1]", "::1"), ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
      ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("::", "::"), ("1::", "1::"),
      ("::ffff:192.0.2.1", "::ffff:192.0.2.1"), ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
      ("0:0:0:1:0:0:0:0", "0:0:0:1::"),
      (String(repeating: "a", count: 63), String(repeating: "a", count: 63)),
    ])
  func accepted(_ text: String, _ canonical: String) {
    #expect(Identifier(text)?.description == canonical)
  }

  @Test(
    "anything that is neither name nor address is refused",
    arguments: [
      "", ".", "a..b", ".a", "a.", "-a.example", "a-.example", "a_b.example", "*", "*.", "a.*.example",
      "*a.example", "**.example", "bücher.example", "\u{212A}elvin.example", "a b", "a\0b", "a/b", "a:80",
      "256.1.1.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1::2::3", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
      "::12345", "[::1", "::1]", "fe80::1%eth0", "1:2:3:4:5:6:7::8", "[127.0.0.1]", "::1.2.3", "1.2.3.4::",
      String(repeating: "a", count: 64), String(repeating: "a.", count: 127),
      String(repeating: "abcdefg.", count: 32),
    ])
  func refused(_ text: String) { #expect(Identifier(text) == nil) }

  @Test(
    "a wildcard covers exactly one leftmost label",
    arguments: [
      ("*.example.com", "a.example.com", true), ("*.example.com", "example.com", false),
      ("*.example.com", "a.b.example.com", false), ("*.example.com", "*.example.com", true),
      ("*.example.com", "*.b.example.com", false), ("a.example.com", "a.example.com", true),
      ("a.example.com", "b.example.com", false), ("*.0.0.1", "127.0.0.1", false),
      ("10.0.0.1", "10.0.0.1", true), ("::1", "[::1]", true), ("::1", "::2", false),
    ])
  func covering(_ pattern: String, _ name: String, _ expected: Bool) throws {
    let name = try #require(Identifier(name))
    #expect((Identifier(pattern)?.covers(name) ?? false) == expected)
  }
}
