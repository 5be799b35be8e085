import TestRun
import Testing

@testable import certd

@Suite(.ownThread) struct AdminRequestTests {
  private func read(_ text: String) -> AdminRequest.Reading { AdminRequest.read(Array(text.utf8)) }

  @Test("the path comes without its query, the token without its scheme")
  func whole() {
    #expect(
      read("GET /metrics?name[]=a HTTP/1.1\r\nHost: a\r\nAuthorization: bearer  abc\r\n\r\n")
        == .request(AdminRequest(method: "GET", path: "/metrics", token: Array("abc".utf8))))
    #expect(
      read("HEAD / HTTP/1.0\r\n\r\nmore") == .request(AdminRequest(method: "HEAD", path: "/", token: nil)))
  }

  @Test("content is waited for by its length, and refused where that is not told or too much")
  func content() {
    let head = "POST /explain HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
    #expect(read("\(head)\r\n{") == .incomplete)
    #expect(read("\(head)Expect: 100-continue\r\n\r\n") == .expects)
    #expect(
      read("\(head)\r\n{}more")
        == .request(AdminRequest(method: "POST", path: "/explain", content: Array("{}".utf8))))
    #expect(
      read("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n") == .unfit(status: 411))
    #expect(
      read("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(AdminRequest.maximumContentBytes + 1)\r\n\r\n")
        == .unfit(status: 413))
  }

  @Test("every beginning of a request is incomplete")
  func cut() {
    let text = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"
    for count in 0..<text.utf8.count {
      #expect(AdminRequest.read(Array(text.utf8.prefix(count))) == .incomplete)
    }
  }

  @Test(
    "what is no request of HTTP/1, is too long or has two tokens is refused",
    arguments: [
      "\n\n", "GET / HTTP/2.0\r\n\r\n", "GET /\r\n\r\n", "\u{16}\u{3}\u{1}\r\n\r\n",
      "GET / HTTP/1.1\r\nAuthorization: Basic abc\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nA: \(String(repeating: "a", count: AdminRequest.maximumHeadBytes))\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n\(String(repeating: "A: b\r\n", count: AdminRequest.maximumFields))\r\n",
      String(repeating: "a", count: AdminRequest.maximumHeadBytes),
    ])
  func refused(_ text: String) { #expect(read(text) == .refused) }
}
