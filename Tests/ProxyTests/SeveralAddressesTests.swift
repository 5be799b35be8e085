import Exchange
import TestPeers
import TestRun
import Testing

@testable import Proxy

@Suite("A name with several addresses", .ownThread) struct SeveralAddressesTests {
  @Test("they are tried in turn within one request when connections fail, whatever is said of retries")
  func inTurn() async throws {
    let good = try Backend { answerProbe($0) }
    let dead = try (0..<3).map { _ in
      let backend = try Backend { _ in }
      _ = backend.finish()
      return backend.target
    }
    var settings = Settings.bare(dead + [good.target])
    for index in settings.services[0].backends.indices {
      settings.services[0].backends[index].isOneOfSeveral = true
    }
    settings.services[0].rules.retries.attempts = 0
    settings.services[0].rules.retries.rule.onConnectFailure = false
    try await Edge.serve(settings) { edge in
      for _ in 0..<8 {
        let client = try edge.connect()
        client.write("GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(client.readAnswer().status == 200)
      }
    }
  }
}
