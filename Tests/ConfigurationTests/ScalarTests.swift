import TestRun
import Proxy
import Testing

@testable import Configuration

@Suite("Scalars", .ownThread)
struct ScalarTests {
  @Test(
    "durations are read and written in the largest unit",
    arguments: [
      ("500ms", "500ms"), ("1000ms", "1s"), ("90s", "90s"), ("60m", "1h"), ("0s", "0s"), ("48h", "2d"),
    ])
  func durations(text: String, canonical: String) throws {
    #expect(DurationText.text(try DurationText.parse(text)) == canonical)
  }

  @Test(
    "a duration beyond all limits is refused, not wrapped",
    arguments: ["9999999999d", "-1s", "1.5s", "١s", ""])
  func badDurations(text: String) {
    #expect(throws: Invalid.self) { try DurationText.parse(text) }
  }

  @Test(
    "names in other scripts are written as DNS has them (RFC 3492, RFC 5890)",
    arguments: [
      ("bücher.example", "xn--bcher-kva.example"), ("MÜNCHEN.de", "xn--mnchen-3ya.de"),
      ("例え.テスト", "xn--r8jz45g.xn--zckzah"), ("пример.испытание", "xn--e1afmkfd.xn--80akhbyknj4f"),
      ("xn--bcher-kva.example", "xn--bcher-kva.example"), ("a.example", "a.example"),
      ("bu\u{308}cher.example", nil), ("a\u{200B}b.example", nil), ("b\u{2764}.example", nil),
      ("ü .example", nil),
    ] as [(String, String?)])
  func names(text: String, expected: String?) {
    #expect((try? HostName.parse(text)) == expected)
  }

  @Test("a byte order mark before a configuration is nothing")
  func byteOrderMark() throws {
    let text = "\u{FEFF}acme: {issuers: [local]}\nroutes: [{service: a}]\nservices: {a: {backends: [h:1]}}"
    #expect(try configuration(text).routes.count == 1)
  }

  @Test(
    "addresses are read strictly and written canonically (RFC 5952)",
    arguments: [
      ("192.0.2.1", "192.0.2.1"), ("::", "::"), ("::1", "::1"), ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
      ("::ffff:192.0.2.1", "::ffff:c000:201"), ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("fe80::", "fe80::"),
      ("1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"),
      ("256.1.1.1", nil), ("01.2.3.4", nil), ("1.2.3", nil), ("1.2.3.4.5", nil), (":::", nil),
      ("1::2::3", nil),
      ("1:2:3:4:5:6:7", nil), ("1:2:3:4:5:6:7:8:9", nil), ("12345::", nil), ("g::", nil), (":1", nil),
      ("1:", nil),
      ("::1.2.3", nil), ("1.2.3.4::", nil), ("fe80::1%eth0", nil), ("", nil), ("::+1", nil),
      ("1:2:3:4:5:6:7::8", nil),
    ] as [(String, String?)])
  func addresses(text: String, canonical: String?) {
    #expect(IPAddress(text)?.description == canonical)
  }

  @Test(
    "a range holds its addresses and no others",
    arguments: [
      ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false), ("0.0.0.0/0", "1.2.3.4", true),
      ("192.0.2.128/25", "192.0.2.129", true), ("192.0.2.128/25", "192.0.2.127", false),
      ("10.0.0.0/8", "::ffff:10.1.1.1", true), ("::/0", "::1", true), ("::/0", "1.2.3.4", false),
      ("2001:db8::/33", "2001:db8:7fff::1", true), ("2001:db8::/33", "2001:db8:8000::1", false),
    ])
  func ranges(range: String, address: String, isInside: Bool) throws {
    let bytes = try #require(IPAddress(address)).bytes
    #expect(try AddressRange.parse(range).contains(bytes) == isInside)
  }

  @Test(
    "backends are read in all their forms",
    arguments: [
      ("10.0.0.1:8000", "10.0.0.1:8000", nil), ("vllm:8000", "vllm:8000", nil), ("http://h", "h:80", .http1),
      ("https://H/", "h:443", .https), ("http://[::1]", "[::1]:80", .http1), ("[::1]:9", "[::1]:9", nil),
      ("HTTPS://10.0.0.1:8443", "10.0.0.1:8443", .https), ("http://10.0.0.1", "10.0.0.1:80", .http1),
      ("unix:/run/a.sock", "unix:/run/a.sock", nil),
    ] as [(String, String, ServiceProtocol?)])
  func backends(text: String, address: String, scheme: ServiceProtocol?) throws {
    let backend = try BackendText.parse(text)
    #expect(backend.address.description == address && backend.scheme == scheme)
  }

  @Test(
    "the nearest word is found only when it is near",
    arguments: [
      ("tsl", "tls"), ("adress", "address"), ("adres", "address"), ("timout", "timeout"), ("xyz", nil),
      ("", nil), ("t", nil),
      (String(repeating: "a", count: 10_000), nil),
    ] as [(String, String?)])
  func nearest(typed: String, found: String?) {
    #expect(Nearest.word(to: typed, among: ["tls", "address", "timeout", "redirect"]) == found)
  }

  @Test("a quoted text cannot garble the line it stands in")
  func quoting() {
    #expect(quoted("a\u{1B}[31m\n\"") == #""a\u{1B}[31m\n\"""#)
    #expect(quoted(String(repeating: "x", count: 100)).count == 67)
  }
}
