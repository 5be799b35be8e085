import OS
import Proxy
import Telemetry
import TestPeers
import TestRun
import Testing

@Suite("What goes wrong is counted by whose doing it was", .ownThread) struct RequestErrorTests {
  @Test("a client's mistake, a backend's and a missing route are counted apart")
  func origins() async throws {
    let backend = try Backend { wire in
      _ = wire.readHead()
      wire.write("this is not HTTP\r\n\r\n")
    }
    var settings = Settings.bare(backend.target)
    settings.routes[0].paths = [.prefix("/here")]
    try await Edge.serve(settings) { edge in
      try await OwnThread.run {
        for request in [
          "GET /here HTTP/1.1\r\nHost: h\r\n\r\n", "GET /elsewhere HTTP/1.1\r\nHost: h\r\n\r\n",
          "GET /here HTTP/1.1\r\nHost : h\r\n\r\n",
        ] {
          guard let client = try? edge.connect() else { continue }
          client.write(request)
          _ = client.readAnswer()
          client.close()
        }
      }
      let text = edge.proxy.exposition
      for (origin, reason) in [
        ("upstream", "bad_gateway"), ("client", "no_route"), ("client", "malformed_head"),
      ] {
        #expect(
          text.contains("certd_request_errors_total{origin=\"\(origin)\",reason=\"\(reason)\"} 1\n"),
          "\(text)")
      }
      #expect(text.contains("reason=\"queue_full\"} 0\n"))
    }
    _ = backend.finish()
  }
}
