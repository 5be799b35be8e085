import Exchange
import TestPeers
import TestRun
import Testing
import Upstream

@testable import Proxy

@Suite("What pages of other origins may do, and which paths a route takes", .ownThread)
struct CrossOriginTests {
  private static var rules: Settings.CrossOrigin {
    var rules = Settings.CrossOrigin()
    rules.origins = ["https://chat.example.com", "http://localhost:3000"]
    rules.methods = ["GET", "POST"]
    rules.expose = ["X-Request-Id"]
    rules.credentials = true
    rules.maxAge = 60_000
    return rules
  }

  private func answer(
    _ head: String, _ rules: Settings.CrossOrigin = rules, keys: [[UInt8]]? = nil
  ) async throws -> (answer: Answer, backend: String) {
    let backend = try Backend { wire in
      _ = wire.readHead()
      wire.write(
        "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nVary: Accept\r\nContent-Length: 2\r\n\r\nok")
      _ = wire.readHead()
    }
    var settings = Settings.bare(backend.target)
    settings.routes[0].rules.cors = rules
    settings.routes[0].keys = keys
    var found: Answer?
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write(head + "\r\n")
      found = client.readAnswer()
      client.close()
    }
    return (try #require(found), backend.finish().joined())
  }

  @Test(
    "a page of an origin that is named may read the response, others may not, and the backend's own word does not count",
    arguments: [
      ("https://chat.example.com", true), ("http://localhost:3000", true), ("https://evil.example", false),
      ("https://chat.example.com.evil.example", false), ("null", false),
    ])
  func response(_ origin: String, _ isAllowed: Bool) async throws {
    let (answer, _) = try await answer("GET / HTTP/1.1\r\nHost: h\r\nOrigin: \(origin)\r\n")
    #expect(answer.status == 200)
    #expect(answer.field("Access-Control-Allow-Origin") == (isAllowed ? origin : nil))
    #expect(answer.field("Access-Control-Allow-Credentials") == (isAllowed ? "true" : nil))
    #expect(answer.field("Access-Control-Expose-Headers") == (isAllowed ? "X-Request-Id" : nil))
    #expect(answer.head.contains("Vary: Accept\r\n") && answer.head.contains("Vary: Origin\r\n"))
  }

  @Test("a preflight is answered here, with what it asks for, before any key is asked for")
  func preflight() async throws {
    let (answer, backend) = try await answer(
      "OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: h\r\nOrigin: http://localhost:3000\r\n"
        + "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization,x-stainless-os\r\n",
      keys: [Array("sk-0123456789abcdef".utf8)])
    #expect(answer.status == 204)
    #expect(answer.field("Access-Control-Allow-Origin") == "http://localhost:3000")
    #expect(answer.field("Access-Control-Allow-Methods") == "GET, POST")
    #expect(answer.field("Access-Control-Allow-Headers") == "authorization,x-stainless-os")
    #expect(answer.field("Access-Control-Max-Age") == "60")
    #expect(answer.field("Content-Length") == nil)
    #expect(backend.isEmpty)
  }

  @Test("a preflight of another origin is told nothing that would let it through")
  func foreignPreflight() async throws {
    let (answer, backend) = try await answer(
      "OPTIONS / HTTP/1.1\r\nHost: h\r\nOrigin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n"
    )
    #expect(answer.status == 204 && !answer.head.contains("Access-Control-Allow"))
    #expect(backend.isEmpty)
  }

  @Test("our own answers are readable for the page as well")
  func ownAnswer() async throws {
    let (answer, _) = try await answer(
      "GET / HTTP/1.1\r\nHost: h\r\nOrigin: https://chat.example.com\r\n",
      keys: [Array("sk-0123456789abcdef".utf8)])
    #expect(answer.status == 401)
    #expect(answer.field("Access-Control-Allow-Origin") == "https://chat.example.com")
  }

  @Test("where every origin is allowed the answer is the same for all")
  func everybody() async throws {
    var rules = Settings.CrossOrigin()
    rules.origins = ["*"]
    let (answer, _) = try await answer("GET / HTTP/1.1\r\nHost: h\r\nOrigin: https://a.example\r\n", rules)
    #expect(answer.field("Access-Control-Allow-Origin") == "*")
    #expect(!answer.head.contains("Vary: Origin"))
  }

  @Test(
    "a route that takes only plain paths refuses those that a backend may take for another",
    arguments: [
      ("/v1/models", 200), ("/v1/%61", 400), ("/a/../b", 400), ("/a//b", 400), ("/a/./b", 400), ("/a/.", 400),
      ("/a%2fb", 200), ("/a%2Fb?x=../%61//", 200), ("/a%20b", 200), ("/a%00", 400), ("/a%00b", 400),
      ("/", 200),
      ("/a/..", 400), ("/%2e%2e/a", 400),
    ])
  func plainPaths(_ path: String, _ status: Int) async throws {
    let backend = try Backend { answerProbe($0) }
    var settings = Settings.bare(backend.target)
    settings.routes[0].rules.normalize = .reject
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write("GET \(path) HTTP/1.1\r\nHost: h\r\n\r\n")
      #expect(client.readAnswer().status == status)
    }
    _ = backend.finish()
  }
}
