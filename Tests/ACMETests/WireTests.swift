@testable import ACME
import HTTP
import PKI
import TestRun
import Testing

@Suite("What a CA sends", .ownThread) struct WireTests {
  private func decode<T: Decodable>(_ type: T.Type, _ text: String) -> Result<T, Unusable> {
    Result { () throws(Unusable) in try ACMEJSON.decode(type, Array(text.utf8), limitInBytes: 10_000) }
  }

  private func reason<T: Decodable>(_ type: T.Type, _ text: String) -> String? {
    if case .failure(let error) = decode(type, text) { error.reason } else { nil }
  }

  @Test(
    "an order with anything essential missing or wrong is unusable",
    arguments: [
      ("", "not JSON"), ("null", "the value has the wrong type"), ("[]", "the value has the wrong type"),
      ("{}", "status is missing"), (#"{"status":"pending"} x"#, "not JSON"),
      (#"{"status":"odd"}"#, "status has a value that is not allowed"),
      (#"{"status":7}"#, "status has the wrong type"), (#"{"status":"pending"}"#, "identifiers is missing"),
      (#"{"status":"pending","identifiers":[]}"#, "authorizations is missing"),
      (
        #"{"status":"pending","identifiers":[],"authorizations":["ftp://x"]}"#,
        "authorizations.[0] has a value that is not allowed"
      ), (#"{"status":"pending","identifiers":[],"authorizations":[]}"#, "finalize is missing"),
      (
        #"{"status":"valid","identifiers":[],"authorizations":[],"finalize":"https://a/"}"#,
        "certificate has a value that is not allowed"
      ),
    ])
  func badOrders(_ text: String, _ expected: String) { #expect(reason(Order.self, text) == expected) }

  @Test("an answer beyond the size limit is unusable")
  func tooLong() {
    #expect(reason(Order.self, String(repeating: " ", count: 10_001)) == "longer than 10000 bytes")
  }

  @Test("an answer nested without end is unusable and nothing worse")
  func nested() {
    #expect(reason(Order.self, String(repeating: "[", count: 10_000)) != nil)
    #expect(reason(Problem.self, String(repeating: #"{"subproblems":["#, count: 500)) != nil)
  }

  @Test(
    "only a token that is safe as a file's name is used",
    arguments: [
      ("abc-_9", true), ("", false), ("../../etc/passwd", false), ("a/b", false), ("a.b", false),
      ("a b", false),
      ("a\\u0000", false), (String(repeating: "a", count: 257), false),
    ])
  func tokens(_ token: String, _ isUsable: Bool) throws {
    let text = #"{"type":"http-01","url":"https://a/c","status":"pending","token":"\#(token)"}"#
    #expect((try decode(Challenge.self, text).get().usableToken != nil) == isUsable)
  }

  @Test("a problem document is read leniently and made printable")
  func problems() throws {
    let odd = try decode(Problem.self, #"{"type":5,"title":"a\nb\u001b[31m","status":"x","subproblems":{}}"#)
      .get()
    #expect(odd.type == "about:blank")
    #expect(odd.detail == "a b [31m")
    #expect(odd.kind == nil)
    let text =
      #"{"type":"urn:ietf:params:acme:error:userActionRequired","detail":"new terms","#
      + #""instance":"https://ca/t","subproblems":[{"type":"urn:ietf:params:acme:error:dns","#
      + #""detail":"NXDOMAIN","#
      + #""identifier":{"type":"dns","value":"a.example"},"subproblems":[{"type":"x"}]}]}"#
    let problem = try decode(Problem.self, text).get()
    #expect(problem.kind == .userActionRequired)
    #expect(problem.subproblems.first?.subproblems == [])
    #expect("\(problem)" == "userActionRequired: new terms (see https://ca/t); dns: a.example: NXDOMAIN")
  }

  @Test(
    "links are found in every form",
    arguments: [
      ([#"<https://ca/1>;rel="alternate""#], ["https://ca/1"]),
      ([#"<https://ca/1>; rel=alternate"#], ["https://ca/1"]),
      ([#"<https://ca/0>;rel="index", <https://ca/1>;rel="alternate""#], ["https://ca/1"]),
      ([#"<https://ca/0>;rel="index""#, #"</1>;title="a, b";rel="next Alternate""#], ["https://ca/1"]),
      (
        [#"<https://ca/a,b>;rel="alternate""#, #"<https://ca/2>;REL=alternate"#],
        ["https://ca/a,b", "https://ca/2"]
      ),
      ([#"<https://ca/1>"#, "nonsense", "<", #"<ftp://ca/1>;rel=alternate"#, #""<a>";rel=alternate"#], []),
    ])
  func links(_ lines: [String], _ expected: [String]) throws {
    let base = try #require(URL("https://ca/certificate/1"))
    let fields = Fields(lines.map { .init("Link", $0) })
    #expect(Link.targets("alternate", in: fields, base: base).map(\.description) == expected)
  }

  @Test("a nonce is used once, the newest first, and only if it is well formed")
  func nonces() {
    var nonces = Nonces()
    for text in ["one", "", "bad nonce", "two", "x\u{00E9}", String(repeating: "a", count: 2000)] {
      nonces.keep(from: [.init("Replay-Nonce", text)])
    }
    nonces.keep(from: [])
    #expect([nonces.take(), nonces.take(), nonces.take()] == ["two", "one", nil])
    for number in 0..<100 { nonces.keep(from: [.init("Replay-Nonce", "n\(number)")]) }
    var count = 0
    while nonces.take() != nil { count += 1 }
    #expect(count == Nonces.maximumKept)
  }

  @Test("a wildcard authorization is told by its flag")
  func wildcard() throws {
    let text =
      #"{"status":"pending","identifier":{"type":"dns","value":"a.example"},"wildcard":true,"challenges":[]}"#
    #expect(try decode(Authorization.self, text).get().identifier.description == "*.a.example")
  }
}
