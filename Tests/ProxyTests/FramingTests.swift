import Proxy
import TestRun
import Testing

@Suite("Framing of requests", .ownThread) struct FramingTests {
  @Test("The framing table holds for requests in one piece", arguments: FramingCase.all)
  func whole(_ row: FramingCase) async throws { try await row.play() }

  @Test("The framing table holds for requests that come byte by byte", arguments: FramingCase.all)
  func bytewise(_ row: FramingCase) async throws {
    let count = row.sent.unicodeScalars.count
    // Long ones differ from others by their length alone.
    let step = max(1, count / 400)
    try await row.play(cutAt: Array(stride(from: step, to: count, by: step)))
  }

  static let split: [FramingCase] = [
    .passes(
      "POST /p?q HTTP/1.1\r\nHost: h\r\nFoo: bar\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\nA: b\r\n\r\n",
      as:
        "POST /p?q HTTP/1.1\r\nHost: h\r\nFoo: bar\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\nA: b\r\n\r\n"
    ),
    .passes(
      "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
      as: "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n", "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"),
    .fields("Content-Length: 5", "Transfer-Encoding: chunked", content: "0\r\n\r\n"),
    .refused("GET / HTTP/1.1\r\nHost: h\r\nFoo: a\r\n b\r\n\r\n"),
  ]

  @Test("A request cut in two anywhere is read like one in one piece", arguments: split)
  func cutInTwo(_ row: FramingCase) async throws {
    for cut in 1..<row.sent.unicodeScalars.count { try await row.play(cutAt: [cut]) }
  }

  @Test(
    "A head beyond a limit is refused",
    arguments: [
      (414, "GET /\(String(repeating: "a", count: 16 * 1024)) HTTP/1.1\r\nHost: h\r\n\r\n"),
      (414, "GET /\(String(repeating: "a", count: 70_000)) HTTP/1.1\r\nHost: h\r\n\r\n"),
      (431, "GET / HTTP/1.1\r\nHost: h\r\nA: \(String(repeating: "a", count: 70_000))\r\n\r\n"),
      (431, "GET / HTTP/1.1\r\nHost: h\r\n\(String(repeating: "A: b\r\n", count: 128))\r\n"),
      (431, "GET / HTTP/1.1\r\nHost: h\r\n\(String(repeating: "A: b\r\n", count: 20_000))\r\n"),
    ])
  func hugeHead(_ status: Int, _ sent: String) async throws {
    try await FramingCase.refused(sent, with: status).play()
  }

  @Test("The largest head that is allowed goes through, also behind another request")
  func largestHead() async throws {
    let head = "GET /2 HTTP/1.1\r\nHost: h\r\nA: "
    let large =
      head + String(repeating: "a", count: Limits.maximumHeadBytes - head.utf8.count - 4) + "\r\n\r\n"
    try await FramingCase.passes(large).play()
    let first = "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"
    try await FramingCase.passes(first + large, as: first, large).play()
  }

  @Test("Limits of the settings count")
  func ownLimits() async throws {
    let request = "GET /1234 HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n"
    try await FramingCase.refused(request, with: 431).play { $0.limits.requestHead = 30 }
    try await FramingCase.refused(request, with: 431).play { $0.limits.requestHeadFields = 1 }
    try await FramingCase.refused(request, with: 414).play { $0.limits.targetBytes = 4 }
    try await FramingCase.passes(request).play {
      $0.limits.requestHead = request.utf8.count
      $0.limits.requestHeadFields = 2
      $0.limits.targetBytes = 6
    }
  }
}
