import HTTP
import Synchronization
import TestPeers
import TestRun
import TestSupport
import Testing
import Upstream

@testable import Proxy

@Suite("Requests that somebody outside lets in", .ownThread) struct AdmissionTests {
  /// A gate whose answers are given by the test, one by one.
  private final class Keeper: Sendable {
    let asked = Mutex<[(RouteGate.Question, @Sendable (RouteGate.Verdict) -> Void)]>([])

    func gate(owned: [String] = []) -> RouteGate {
      RouteGate(owned: owned, known: { _ in nil }) { question, answer in
        self.asked.withLock { $0.append((question, answer)) }
      }
    }

    /// Waits for the next question.
    func next() async -> (RouteGate.Question, @Sendable (RouteGate.Verdict) -> Void)? {
      while true {
        if let one = asked.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) { return one }
        await Task.yield()
      }
    }
  }

  @Test(
    "a request waits for its answer, and goes on with the fields of the gate, its own of that name left out")
  func pass() async throws {
    let keeper = Keeper()
    let backend = try Backend { answerProbe($0) }
    var settings = Settings.bare(backend.target)
    settings.routes[0].gate = keeper.gate(owned: ["X-User"])
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write("POST /a?b HTTP/1.1\r\nHost: h:1\r\nX-User: root\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nhi")
      let (question, answer) = try #require(await keeper.next())
      #expect(question.method == "POST" && question.target == "/a?b" && question.host == "h:1")
      #expect(question.fields["X-A"] == "1" && question.client == "127.0.0.1" && !question.isSecure)
      answer(.pass([.init("X-User", "alice")]))
      #expect(client.readAnswer().body == "probe")
      client.write("GET /c HTTP/1.1\r\nHost: h\r\n\r\n")
      let (_, second) = try #require(await keeper.next())
      second(.pass([]))
      #expect(client.readAnswer().status == 200)
    }
    let seen = backend.finish().joined()
    #expect(seen.contains("X-User: alice\r\n") && !seen.contains("root") && seen.contains("hi"))
    #expect(seen.matches(of: /X-User/).count == 1, "the next request has nothing of the one before")
  }

  @Test("a refusal is the client's answer, and the backend has seen nothing; the connection goes on")
  func refuse() async throws {
    let keeper = Keeper()
    let backend = try Backend { answerProbe($0) }
    var settings = Settings.bare(backend.target)
    settings.routes[0].gate = keeper.gate()
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      for _ in 0..<2 {
        client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        let (_, answer) = try #require(await keeper.next())
        answer(
          .refuse(302, [.init("Location", "https://login.test/"), .init("X", "a\r\nY: b")], Array("no".utf8)))
        let told = client.readAnswer()
        #expect(told.status == 302 && told.field("Location") == "https://login.test/" && told.body == "no")
        #expect(told.field("Y") == nil && told.field("X") == "aY: b")
      }
    }
    #expect(backend.finish().joined().isEmpty)
  }

  @Test("content of HTTP/2 that comes before the gate's answer and behind it reaches the backend whole")
  func multiplexed() async throws {
    let keeper = Keeper()
    let backend = try Backend { wire in
      let head = wire.readHead()
      let body = head.isEmpty ? "" : String(decoding: wire.read(exactly: 9), as: UTF8.self)
      wire.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n\(body)")
    }
    var settings = HTTP2Edge.settings(backend.target)
    for index in settings.routes.indices { settings.routes[index].gate = keeper.gate() }
    try await HTTP2Edge.serve(settings) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(
        .headers(1, HTTP2Case.post("/", "content-length=9"), end: false),
        .data(1, Array("AAA".utf8), end: false))
      let (_, answer) = try #require(await keeper.next())
      client.send(.data(1, Array("BBB".utf8), end: false))
      #expect(client.goesOn())
      answer(.pass([]))
      client.send(.data(1, Array("CCC".utf8), end: true))
      #expect(client.response(1).text == "AAABBBCCC", "\(client.trace)")
    }
    _ = backend.finish()
  }

  @Test("fields of the gate do not come behind the content either")
  func trailers() async throws {
    let keeper = Keeper()
    let backend = try Backend { wire in
      _ = wire.readHead()
      while !wire.read(exactly: 1).isEmpty {}
    }
    var settings = Settings.bare(backend.target)
    settings.routes[0].gate = keeper.gate(owned: ["X-User"])
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n")
      let (_, answer) = try #require(await keeper.next())
      answer(.pass([.init("X-User", "alice")]))
      client.write("0\r\nX_User: root\r\n\r\n")
      #expect(client.readAnswer().status == 400)
    }
    #expect(!backend.finish().joined().contains("root"))
  }

  @Test("an answer for a client that has gone is nobody's")
  func gone() async throws {
    let keeper = Keeper()
    let backend = try Backend { answerProbe($0) }
    var settings = Settings.bare(backend.target)
    settings.routes[0].gate = keeper.gate()
    try await Edge.serve(settings) { edge in
      let first = try edge.connect()
      first.write("GET /first HTTP/1.1\r\nHost: h\r\n\r\n")
      let (_, late) = try #require(await keeper.next())
      first.close()
      let other = try edge.connect()
      other.write("GET /other HTTP/1.1\r\nHost: h\r\n\r\n")
      let (_, answer) = try #require(await keeper.next())
      late(.pass([]))
      answer(.refuse(401, [], []))
      #expect(other.readAnswer().status == 401)
    }
    #expect(!backend.finish().joined().contains("/other"))
  }

  @Test("settings that come while a request waits have its new gate asked")
  func reload() async throws {
    let (old, new) = (Keeper(), Keeper())
    let backend = try Backend { answerProbe($0) }
    var settings = Settings.bare(backend.target)
    settings.routes[0].gate = old.gate()
    var next = settings
    next.routes[0].gate = new.gate()
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
      let (_, first) = try #require(await old.next())
      try await edge.proxy.apply(next)
      first(.pass([]))
      let (_, second) = try #require(await new.next())
      second(.refuse(403, [], []))
      #expect(client.readAnswer().status == 403)
    }
    _ = backend.finish()
  }
}
