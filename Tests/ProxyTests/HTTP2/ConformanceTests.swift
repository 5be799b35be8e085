import TestPeers
import OS
import Proxy
import TestRun
import Testing

@Suite("HTTP/2 by the RFC", .ownThread) struct HTTP2ConformanceTests {
  static let all =
    HTTP2Case.start + HTTP2Case.frames + HTTP2Case.requests + HTTP2Case.format + HTTP2Case.interrupted
    + HTTP2Case.states + HTTP2Case.wrongFrames + HTTP2Case.settings + HTTP2Case.flow + HTTP2Case.pseudo
    + HTTP2Case.names + HTTP2Case.lengths + HTTP2Case.hpack

  @Test("the table has the cases of the whole RFC")
  func size() { #expect(Self.all.count >= 200) }

  @Test("the table holds over plain TCP", arguments: all)
  func plain(_ row: HTTP2Case) async throws {
    if let peer = HTTP2Edge.peer { return try await Self.check(row) { try HTTP2Connection(to: peer) } }
    try await HTTP2Edge.serve { edge in
      let address = edge.proxy.addresses[0]
      try await Self.check(row) { try HTTP2Connection(to: address) }
    }
  }

  @Test("a tenth of the table holds over TLS", arguments: all.enumerated().filter { $0.0 % 10 == 3 }.map(\.1))
  func secure(_ row: HTTP2Case) async throws {
    try await HTTP2Edge.serve { edge in
      try await Self.check(row) { try edge.http2Securely() }
    }
  }

  /// Plays a case on a thread of its own: it waits a lot, and the pool's threads are few.
  static func check(_ row: HTTP2Case, _ connect: @escaping @Sendable () throws -> HTTP2Connection)
    async throws
  {
    let problems = try await OwnThread.run { Result { row.problems(on: try connect()) } }.get()
    #expect(problems == [])
  }
}
