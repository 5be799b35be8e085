import HTTP
import OS
import TestPeers
import TestRun
import TestSupport
import Testing
import Upstream

@testable import Proxy

@Suite("Routes by more than host and path", .ownThread) struct RouteMatchTests {
  /// Answers of backends that say which route has led to them: the last one has no conditions.
  private func serve(
    _ matches: [Settings.RequestMatch], listeners: Int = 1, _ body: (Edge) throws -> Void
  ) async throws {
    let names = matches.indices.map { "match\($0)" } + ["rest"]
    let backends = try names.map { name in
      try Backend { wire in
        while wire.readHead().hasSuffix("\r\n\r\n") {
          wire.write("HTTP/1.1 200 OK\r\nContent-Length: \(name.utf8.count)\r\n\r\n\(name)")
        }
      }
    }
    let settings = Settings.bare([]) { settings in
      settings.listeners = (0..<listeners).map { .loopback($0 + 1, nil) }
      settings.services = zip(names, backends).map { .init(name: $0, backends: [$1.target]) }
      settings.routes = names.indices.map { .init(hosts: [], paths: [], service: $0) }
      for (place, match) in matches.enumerated() { settings.routes[place].match = match }
    }
    try await Edge.serve(settings) { edge in try body(edge) }
    for backend in backends { _ = backend.finish() }
  }

  private func match(_ edit: (inout Settings.RequestMatch) -> Void) -> Settings.RequestMatch {
    var match = Settings.RequestMatch()
    edit(&match)
    return match
  }

  @Test("methods, fields and the query's parameters choose the route, the narrowest one first")
  func values() async throws {
    let matches = [
      match { $0.methods = ["PUT", "PURGE"] },
      match { $0.headers = [.init("X-Env", .exact("canary"))] },
      match { $0.headers = [.init("x-env", .prefix("can"))] },
      match { $0.headers = [.init("X-Env", .exact("canary")), .init("X-Old", .absent)] },
      match { $0.query = [.init("a b", .exact("1/2"))] },
      match { $0.query = [.init("debug", .present)] },
    ]
    let rows = [
      ("PUT / HTTP/1.1", "X: y", "match0"), ("PURGE / HTTP/1.1", "X: y", "match0"),
      ("put / HTTP/1.1", "X: y", "rest"), ("GET / HTTP/1.1", "X-ENV: canary\r\nX-Old: 1", "match1"),
      ("GET / HTTP/1.1", "X-Env: canary2", "match2"), ("GET / HTTP/1.1", "x-env: canary", "match3"),
      ("GET / HTTP/1.1", "X-Env: Canary", "rest"), ("GET /?x&a%20b=1%2f2 HTTP/1.1", "X: y", "match4"),
      ("GET /p?a+b=1/2&debug HTTP/1.1", "X: y", "match4"), ("GET /?a+b=1/23 HTTP/1.1", "X: y", "rest"),
      ("GET /?debug= HTTP/1.1", "X: y", "match5"), ("GET /?debugger=1 HTTP/1.1", "X: y", "rest"),
      ("GET /%61?debug=1 HTTP/1.1", "X: y", "match5"),
      ("GET / HTTP/1.1", "X-Env: a\r\nX-Env: canary\r\nX-Old: 1", "match1"),
    ]
    try await serve(matches) { edge in
      let client = try edge.connect()
      for (line, fields, expected) in rows {
        client.write("\(line)\r\nHost: h\r\n\(fields)\r\n\r\n")
        #expect(client.readAnswer().body == expected, "\(line) \(fields)")
      }
    }
  }

  @Test("the client's address and the port that it came by choose the route")
  func origins() async throws {
    let loopback = try #require(AddressRange(address: [127, 0, 0, 0], prefixLength: 8))
    let elsewhere = try #require(AddressRange(address: [10, 0, 0, 0], prefixLength: 8))
    try await serve([
      match { $0.clientAddresses = [elsewhere] }, match { $0.clientAddresses = [elsewhere, loopback] },
    ]) {
      edge in
      let client = try edge.connect()
      client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
      #expect(client.readAnswer().body == "match1")
    }
    try await serve([match { $0.ports = [1] }]) { edge in
      let client = try edge.connect()
      client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
      #expect(client.readAnswer().body == "rest")
    }
  }
}
