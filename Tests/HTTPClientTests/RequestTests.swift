import HTTP
import HTTPClient
import OS
import Synchronization
import TestPeers
import TestSupport
import TestRun
import Testing

@Suite(.ownThread) struct RequestTests {
  /// What a server receives for a request.
  private func sent(
    _ method: String, _ path: String, fields: Fields = [], body: String = "", keepsAlive: Bool = true
  )
    async throws -> String
  {
    let box = Received()
    let server = try LocalServer { connection in
      let head = connection.readHead()
      box.store(head + String(decoding: connection.read(exactly: body.utf8.count), as: UTF8.self))
      connection.write(answer("x"))
    }
    _ = try await client().send(
      request(server.url(path), method, fields: fields, body: body), .init(keepsAlive: keepsAlive))
    return box.value.replacing("127.0.0.1:\(server.address.port)", with: "AUTHORITY")
  }

  private final class Received: Sendable {
    private let held = Mutex("")
    var value: String { held.withLock { $0 } }
    func store(_ text: String) { held.withLock { $0 = text } }
  }

  @Test("a GET has a Host and no content")
  func get() async throws {
    #expect(try await sent("GET", "/a?b=c") == "GET /a?b=c HTTP/1.1\r\nHost: AUTHORITY\r\n\r\n")
  }

  @Test("a POST tells its length, also when it is zero")
  func post() async throws {
    #expect(try await sent("POST", "/", body: "hé").hasSuffix("Content-Length: 3\r\n\r\nhé"))
    #expect(try await sent("POST", "/").contains("Content-Length: 0\r\n"))
  }

  @Test("a connection that is not to be kept says so")
  func close() async throws {
    #expect(try await sent("GET", "/", keepsAlive: false).contains("Connection: close\r\n"))
  }

  @Test("framing fields of the caller are replaced by ours, others are sent as they are")
  func framingFields() async throws {
    let text = try await sent(
      "POST", "/",
      fields: [
        .init("Content-Length", "99"), .init("transfer-encoding", "chunked"), .init("X-A", "b\tc"),
        .init("Accept", ""),
      ], body: "x")
    #expect(!text.contains("99"))
    #expect(!text.lowercased().contains("chunked"))
    #expect(text.contains("X-A: b\tc\r\n"))
    #expect(text.contains("Accept: \r\n"))
  }

  @Test(
    "a field that would break the head is refused before anything is sent",
    arguments: [
      ("X", "a\r\nY: b"), ("X", "a\nY: b"), ("X", "a\rb"), ("X", "a\u{0}"), ("X", "\u{7F}"), ("X\r\nY", "b"),
      ("X: Y", "b"),
      ("X Y", "b"), ("", "b"), ("X\u{E9}", "b"), ("Content-Length", "1\r\nX: y"),
    ])
  func injection(_ name: String, _ value: String) async throws {
    let server = try LocalServer { $0.readToEnd() }
    let client = try client()
    let error = await failure {
      _ = try await client.send(request(server.url(), fields: [.init(name, value)]))
    }
    #expect(error?.kind == .malformed)
    #expect(server.connections == 0)
  }

  @Test(
    "a method that would break the head is refused",
    arguments: ["", "GET / HTTP/1.1\r\nX: y\r\n\r\nGET", "G T", "G\nT"])
  func method(_ method: String) async throws {
    let client = try client()
    let error = await failure { _ = try await client.send(request("http://127.0.0.1:1/", method)) }
    #expect(error?.kind == .malformed)
  }

  @Test("a refused field's value is not told: it may be a secret")
  func secrecy() async throws {
    let client = try client()
    let error = await failure {
      _ = try await client.send(
        request("http://127.0.0.1:1/", fields: [.init("Authorization", "Bearer s3cret\n")]))
    }
    #expect(error?.description.contains("Authorization") == true)
    #expect(error?.description.contains("s3cret") == false)
  }
}
