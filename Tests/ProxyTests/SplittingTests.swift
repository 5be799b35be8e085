import TestPeers
import TestRun
import TestSupport
import Testing
import Upstream

@testable import Proxy

@Suite("Services that share a route", .ownThread) struct SplittingTests {
  @Test("each gets its share, and what a cookie names stays with one")
  func shares() async throws {
    let names = ["most", "few"]
    let backends = try names.map { name in
      try Backend { wire in
        while wire.readHead().hasSuffix("\r\n\r\n") {
          wire.write("HTTP/1.1 200 OK\r\nContent-Length: \(name.utf8.count)\r\n\r\n\(name)")
        }
      }
    }
    let settings = Settings.bare([]) { settings in
      settings.services = zip(names, backends).map { .init(name: $0, backends: [$1.target]) }
      settings.routes[0].split = [.init(service: 0, weight: 3), .init(service: 1, weight: 1)]
      settings.routes[0].splitKey = .cookie("sid")
    }
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      func ask(_ session: Int) -> String {
        client.write("GET / HTTP/1.1\r\nHost: h\r\nCookie: a=b; sid=s\(session)\r\n\r\n")
        return client.readAnswer().body
      }
      let first = (0..<400).map(ask)
      let few = first.count { $0 == "few" }
      // Hashes of names that do not change: no luck is in it.
      #expect((70...130).contains(few), "\(few) of 400")
      #expect((0..<50).map(ask) == Array(first.prefix(50)))
    }
    for backend in backends { _ = backend.finish() }
  }
}
