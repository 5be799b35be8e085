import HTTP2Client
import Testing
@Suite struct DebugT {
  @Test func debug() async throws {
    let backend = try Backend { wire in _ = wire.readToEnd() }
    try await HTTP2Edge.serve(HTTP2Edge.settings(backend.target)) { edge in
      let c = try edge.http2()
      #expect(c.start())
      c.send(.headers(1, HTTP2Case.post("/"), end: false))
      for _ in 0..<40 {
        if c.sendWindow < 10000 || c[1].sendWindow < 10000 { break }
        c.send(.data(1, [UInt8](repeating: 0x61, count: 10_000)))
        _ = c.goesOn()
      }
      print("windows", c.sendWindow, c[1].sendWindow, c.trace)
    }
    for r in backend.finishBytes() {
      var i = 0
      var out = ""
      while i < r.count { if r[i] != 0x61 { out.unicodeScalars.append(Unicode.Scalar(r[i])) } else { var n = 0; while i < r.count, r[i] == 0x61 { n += 1; i += 1 }; i -= 1; out += "<\(n)>" }; i += 1 }
      print(out.debugDescription)
    }
  }
}
