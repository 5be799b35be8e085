import Exchange
import TestPeers
import TestRun
import Testing

@testable import Proxy

@Suite("Routes that ask for a key", .ownThread) struct KeyTests {
  private static let key = "sk-right-0123456789abcdef"

  @Test(
    "only who shows a key is answered, as a bearer token or as x-api-key; the backend does not get it",
    arguments: [
      ("GET / HTTP/1.1\r\nHost: h\r\n", 401),
      ("GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer sk-wrong\r\n", 401),
      ("GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer \(key)\r\n", 200),
      ("GET / HTTP/1.1\r\nHost: h\r\nauthorization: bearer \(key)\r\n", 200),
      ("GET / HTTP/1.1\r\nHost: h\r\nx-api-key: \(key)\r\n", 200),
      ("GET / HTTP/1.1\r\nHost: h\r\nX-API-Key: sk-second-0123456789\r\n", 200),
      ("GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer \(key)x\r\n", 401),
      ("GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer \(key.dropLast())\r\n", 401),
      ("GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer \r\n", 401),
      ("GET / HTTP/1.1\r\nHost: h\r\nAuthorization: \(key)\r\n", 401),
      ("GET /?key=\(key) HTTP/1.1\r\nHost: h\r\n", 401),
      (
        "OPTIONS / HTTP/1.1\r\nHost: h\r\nOrigin: https://a.example\r\nAccess-Control-Request-Method: POST\r\n",
        200
      ),
      ("OPTIONS / HTTP/1.1\r\nHost: h\r\nAccess-Control-Request-Method: POST\r\n", 401),
      ("OPTIONS / HTTP/1.1\r\nHost: h\r\nOrigin: https://a.example\r\n", 401),
      ("OPTIONS / HTTP/1.1\r\nHost: h\r\n", 401),
      ("GET / HTTP/1.1\r\nHost: h\r\nAccess-Control-Request-Method: POST\r\n", 401),
    ])
  func shown(_ head: String, _ status: Int) async throws {
    let backend = try Backend { answerProbe($0) }
    var settings = Settings.bare(backend.target)
    settings.routes[0].keys = [Array(Self.key.utf8), Array("sk-second-0123456789".utf8)]
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write(head + "\r\n")
      let answer = client.readAnswer()
      #expect(answer.status == status)
      if status == 401 {
        #expect(answer.field("WWW-Authenticate") == "Bearer")
        #expect(answer.body.contains("invalid_api_key"))
        // The connection goes on.
        client.write("GET / HTTP/1.1\r\nHost: h\r\nx-api-key: \(Self.key)\r\n\r\n")
        #expect(client.readAnswer().status == 200)
      }
    }
    #expect(!backend.finish().joined().contains("sk-"))
  }

  @Test("a preflight brings no content past the key")
  func preflightWithContent() async throws {
    let backend = try Backend { answerProbe($0) }
    var settings = Settings.bare(backend.target)
    settings.routes[0].keys = [Array(Self.key.utf8)]
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write(
        "OPTIONS / HTTP/1.1\r\nHost: h\r\nOrigin: https://a.example\r\nAccess-Control-Request-Method: POST\r\n"
          + "Content-Length: 2\r\n\r\n{}")
      #expect(client.readAnswer().status == 401)
    }
    #expect(backend.finish().isEmpty)
  }

  @Test(
    "an encoded slash does not lead round a route with a key, and harms nobody where it changes nothing",
    arguments: [
      ("/v1/chat", 401), ("/v1%2Fchat", 400), ("/v1%2fchat", 400), ("/%2Fv1/chat", 400),
      ("/a%2F..%2Fv1/chat", 400),
      ("/v1/models/org%2Fname", 401), ("/other/org%2Fname", 200), ("/v1%252Fchat", 200), ("/v1%2", 200),
    ])
  func walkedRound(_ path: String, _ status: Int) async throws {
    let backend = try Backend { answerProbe($0) }
    var settings = Settings.bare(backend.target)
    var keyed = Settings.Route(hosts: [], paths: [.prefix("/v1/")], service: 0)
    keyed.keys = [Array(Self.key.utf8)]
    settings.routes.append(keyed)
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write("GET \(path) HTTP/1.1\r\nHost: h\r\n\r\n")
      #expect(client.readAnswer().status == status)
    }
    _ = backend.finish()
  }
}
