import Exchange
import HTTP
import OS
import Proxy
import TestSupport
import TestPeers
import TestRun
import Testing

@Suite("Forwarded requests", .ownThread) struct ForwardingTests {
  /// Sends a request, answers it, and tells what reached the backend.
  static func forward(
    _ request: String, secure: Bool = false, _ edit: (inout Settings) -> Void
  ) async throws -> String {
    let backend = try Backend { wire in
      _ = wire.readHead()
      wire.write("HTTP/1.1 204 No Content\r\n\r\n")
    }
    try await Edge.serve(
      .bare([backend.target], secure: secure, edit), credentials: [try Certificates.localhost.get()]
    ) { edge in
      let client = secure ? try edge.connectSecurely() : try edge.connect()
      client.write(request)
      #expect(client.readAnswer().status == 204)
    }
    return backend.finish().joined()
  }

  @Test("Fields for one connection only are not forwarded, nor those that Connection names")
  func hopByHop() async throws {
    let reached = try await Self.forward(
      "GET / HTTP/1.1\r\nHost: h\r\nConnection: close, X-One ,x-two,\r\nKeep-Alive: 5\r\nX-One: 1\r\n"
        + "X-Two: 2\r\nX-Three: 3\r\nTE: trailers\r\nTrailer: X\r\nUpgrade: foo\r\nProxy-Connection: close\r\n"
        + "HTTP2-Settings: x\r\nCookie: c\r\nHostx: y\r\n\r\n"
    ) { _ in }
    #expect(reached == "GET / HTTP/1.1\r\nHost: h\r\nX-Three: 3\r\nCookie: c\r\nHostx: y\r\n\r\n")
  }

  struct ClientFields: Sendable {
    var sent = ""
    var trusts = false
    var secure = false
    var forwarding = Settings.Forwarding()
    var reaches: String
  }

  static func only(xForwarded: Bool = false, forwarded: Bool = false, via: Bool = false)
    -> Settings.Forwarding
  {
    var all = Settings.Forwarding()
    (all.xForwarded, all.forwarded, all.via) = (xForwarded, forwarded, via)
    return all
  }

  static let clientFields: [ClientFields] = [
    .init(
      forwarding: only(xForwarded: true),
      reaches:
        "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: h:1\r\nX-Forwarded-Port: PORT\r\n"
    ),
    .init(
      secure: true, forwarding: only(xForwarded: true),
      reaches:
        "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: h:1\r\nX-Forwarded-Port: PORT\r\n"
    ),
    .init(
      sent:
        "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: x\r\nX-Forwarded-Host: y\r\nX-Forwarded-Port: 7\r\nForwarded: for=x\r\n",
      forwarding: only(xForwarded: true),
      reaches:
        "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: h:1\r\nX-Forwarded-Port: PORT\r\n"
    ),
    .init(
      sent: "X-Forwarded-For: 9.9.9.9\r\nx-forwarded-for: 8.8.8.8\r\nX-Forwarded-Proto: https\r\n"
        + "X-Forwarded-Host: y\r\nX-Forwarded-Port: 7\r\n", trusts: true, forwarding: only(xForwarded: true),
      reaches: "X-Forwarded-Proto: https\r\nX-Forwarded-Host: y\r\nX-Forwarded-Port: 7\r\n"
        + "X-Forwarded-For: 9.9.9.9, 8.8.8.8, 127.0.0.1\r\n"),
    .init(sent: "X-Forwarded-For: 9.9.9.9\r\nForwarded: for=x\r\n", forwarding: only(), reaches: ""),
    .init(
      sent: "X-Forwarded-For: 9.9.9.9\r\nForwarded: for=x\r\n", trusts: true, forwarding: only(),
      reaches: "X-Forwarded-For: 9.9.9.9\r\nForwarded: for=x\r\n"),
    .init(
      sent: "Forwarded: for=evil\r\n", forwarding: only(forwarded: true),
      reaches: "Forwarded: for=127.0.0.1;proto=http;host=\"h:1\"\r\n"),
    .init(
      sent: "Forwarded: for=x\r\n", trusts: true, secure: true, forwarding: only(forwarded: true),
      reaches: "Forwarded: for=x, for=127.0.0.1;proto=https;host=\"h:1\"\r\n"),
    .init(forwarding: only(via: true), reaches: "Via: 1.1 certd\r\n"),
    .init(
      sent: "Via: 1.0 a\r\nVia: 1.1 b\r\n", forwarding: only(via: true),
      reaches: "Via: 1.0 a, 1.1 b, 1.1 certd\r\n"),
    .init(sent: "Via: 1.0 a\r\n", forwarding: only(), reaches: "Via: 1.0 a\r\n"),
  ]

  @Test("Fields about the client are those that the settings ask for", arguments: clientFields)
  func aboutTheClient(_ row: ClientFields) async throws {
    let port = Port()
    let backend = try Backend { wire in
      _ = wire.readHead()
      wire.write("HTTP/1.1 204 No Content\r\n\r\n")
    }
    let settings = Settings.bare([backend.target], secure: true) { settings in
      settings.forwarding = row.forwarding
      if row.trusts {
        settings.trustedProxies = [AddressRange(address: [127, 0, 0, 0], prefixLength: 8)].compactMap { $0 }
      }
    }
    try await Edge.serve(settings, credentials: [try Certificates.localhost.get()]) { edge in
      port.number = edge.proxy.addresses[row.secure ? 1 : 0].port
      let client = row.secure ? try edge.connectSecurely() : try edge.connect()
      client.write("GET / HTTP/1.1\r\nHost: h:1\r\n\(row.sent)\r\n")
      #expect(client.readAnswer().status == 204)
    }
    let expected = row.reaches.replacing("PORT", with: "\(port.number)")
    #expect(backend.finish().joined() == "GET / HTTP/1.1\r\nHost: h:1\r\n\(expected)\r\n")
  }

  private final class Port: @unchecked Sendable { var number: UInt16 = 0 }

  @Test("The route's edits replace and remove fields both ways, framing left alone")
  func edits() async throws {
    let backend = try Backend { wire in
      _ = wire.read(through: "hello")
      wire.write("HTTP/1.1 200 OK\r\nServer: x\r\nX-Out: old\r\nContent-Length: 2\r\n\r\nok")
    }
    try await Edge.serve(
      .bare([backend.target]) { settings in
        var edits = Settings.FieldEdits()
        edits.request.set = [Fields.Field("Host", "inner"), Fields.Field("X-In", "new")]
        edits.request.remove = ["authorization", "Content-Length"]
        edits.response.set = [Fields.Field("X-Out", "new")]
        edits.response.remove = ["SERVER", "content-length"]
        settings.routes[0].rules.headers = edits
      }
    ) { edge in
      let client = try edge.connect()
      client.write(
        "POST / HTTP/1.1\r\nHost: h\r\nx-in: old\r\nAuthorization: a\r\nContent-Length: 5\r\n\r\nhello")
      let answer = client.readAnswer()
      #expect(answer.head == "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Out: new\r\n")
      #expect(answer.body == "ok")
    }
    #expect(
      backend.finish().joined()
        == "POST / HTTP/1.1\r\nContent-Length: 5\r\nHost: inner\r\nX-In: new\r\n\r\nhello")
  }

  @Test("An edit that needs more room than there is moves the content")
  func largeEdit() async throws {
    let value = String(repeating: "v", count: 20_000)
    let content = String(repeating: "c", count: 30_000)
    let backend = try Backend { wire in
      _ = wire.read(exactly: wire.readHead().isEmpty ? 0 : 30_000)
      wire.write("HTTP/1.1 204 No Content\r\n\r\n")
    }
    try await Edge.serve(
      .bare([backend.target]) { $0.routes[0].rules.headers.request.set = [Fields.Field("X", value)] }
    ) { edge in
      let client = try edge.connect()
      client.write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 30000\r\n\r\n\(content)")
      #expect(client.readAnswer().status == 204)
    }
    #expect(
      backend.finish().joined()
        == "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 30000\r\nX: \(value)\r\n\r\n\(content)")
  }
}
