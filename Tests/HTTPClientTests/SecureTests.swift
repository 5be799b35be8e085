import HTTP
import HTTPClient
import OS
import TLS
import TestPeers
import TestSupport
import TestRun
import Testing

@Suite(.ownThread) struct SecureTests {
  private static let random: @Sendable (Int) -> [UInt8] = { count in
    var system = SystemRandomNumberGenerator()
    return (0..<count).map { _ in UInt8.random(in: 0...255, using: &system) }
  }

  /// A server for `localhost` and 127.0.0.1 that plays a script over TLS.
  private func server(
    _ authority: TestAuthority, names: [String] = ["localhost", "127.0.0.1"], days: Int64 = 30,
    startDaysAgo: Int64 = 1, _ script: @escaping @Sendable (Wire) -> Void
  ) throws -> LocalServer {
    let credential = try authority.credential(
      names[0], names[names.count - 1], days: days, startDaysAgo: startDaysAgo)
    return try LocalServer { connection in
      let context = try? ServerContext(
        credentials: [credential], profile: .modern, tickets: TicketKeys(random: Self.random))
      guard let context, connection.secure(context) else {
        return
      }
      script(connection)
    }
  }

  private static let plainAnswer: @Sendable (Wire) -> Void = { connection in
    while connection.readHead().hasSuffix("\r\n\r\n") { connection.write(answer("secret")) }
  }

  @Test("a server with a certificate of an extra root is talked to, by name and by address")
  func extraRoot() async throws {
    let authority = try TestAuthority()
    let server = try server(authority, Self.plainAnswer)
    let client = try client()
    let context = try ClientContext(trust: authority.trust)
    for host in ["localhost", "127.0.0.1"] {
      let response = try await client.send(
        request(server.url(scheme: "https", host: host)), .init(context: context))
      #expect(response.text == "secret")
    }
    _ = try await client.send(
      request(server.url(scheme: "https", host: "localhost")), .init(context: context))
    #expect(server.connections == 2)
  }

  @Test("an unknown root is refused, with a reason")
  func unknownRoot() async throws {
    let server = try server(TestAuthority(), Self.plainAnswer)
    let client = try client()
    let error = await failure {
      _ = try await client.send(
        request(server.url(scheme: "https", host: "localhost")),
        .init(context: ClientContext(trust: TestAuthority("Another").trust)))
    }
    #expect(error?.kind == .tls)
    #expect(error?.reason.contains("certificate verify failed") == true)
  }

  @Test("a certificate for another host is refused, with a reason")
  func wrongHost() async throws {
    let authority = try TestAuthority()
    let server = try server(authority, names: ["other.example"], Self.plainAnswer)
    let client = try client()
    for (host, reason) in [("localhost", "hostname mismatch"), ("127.0.0.1", "IP address mismatch")] {
      let error = await failure {
        _ = try await client.send(
          request(server.url(scheme: "https", host: host)),
          .init(context: ClientContext(trust: authority.trust)))
      }
      #expect(error?.kind == .tls)
      #expect(error?.reason.contains(reason) == true, "\(String(describing: error))")
    }
  }

  @Test("an address may be given beside the URL, whose host is verified")
  func givenAddress() async throws {
    let authority = try TestAuthority()
    let server = try server(authority, names: ["llm.example"], Self.plainAnswer)
    let response = try await client().send(
      request("https://llm.example/"),
      .init(context: ClientContext(trust: authority.trust), address: server.address))
    #expect(response.text == "secret")
  }

  @Test("the chain of a server is told without being verified")
  func peerChain() async throws {
    let authority = try TestAuthority()
    let server = try server(authority, names: ["llm.example"], days: 1, startDaysAgo: 5, Self.plainAnswer)
    let chain = try await client().peerChain(
      at: server.address, serverName: "llm.example", deadlineMilliseconds: 20_000)
    #expect(chain.count == 1)
  }

  @Test("content until the close counts as whole only after TLS's own close notification")
  func truncation() async throws {
    let authority = try TestAuthority()
    let whole = try server(authority) { connection in
      _ = connection.readHead()
      connection.write("HTTP/1.1 200 OK\r\n\r\nall of it")
      connection.notifyClose()
    }
    let cut = try server(authority) { connection in
      _ = connection.readHead()
      connection.write("HTTP/1.1 200 OK\r\n\r\nhalf of")
    }
    let client = try client()
    let options = HTTPClient.Options(context: try ClientContext(trust: authority.trust))
    #expect(
      try await client.send(request(whole.url(scheme: "https", host: "localhost")), options).text
        == "all of it")
    let error = await failure {
      _ = try await client.send(request(cut.url(scheme: "https", host: "localhost")), options)
    }
    #expect(error?.kind == .dropped)
  }

  @Test("a broken record ends its own connection only: the alert about it does not reach another's peer")
  func brokenRecord() async throws {
    let authority = try TestAuthority()
    let broken = try server(authority) { connection in
      _ = connection.readHead()
      connection.writeRaw(latin1("this is no TLS record, and long enough to be looked at as one"))
    }
    let good = try server(authority, Self.plainAnswer)
    let client = try client()
    let options = HTTPClient.Options(context: try ClientContext(trust: authority.trust))
    for _ in 0..<3 {
      let error = await failure {
        _ = try await client.send(request(broken.url(scheme: "https", host: "localhost")), options)
      }
      #expect(error?.kind == .dropped)
      let response = try await client.send(request(good.url(scheme: "https", host: "localhost")), options)
      #expect(response.text == "secret")
    }
    #expect(good.connections == 1)
  }

  @Test("a server that speaks no TLS is a TLS failure")
  func plainServer() async throws {
    let server = try LocalServer { connection in
      connection.write("HTTP/1.1 400 Bad Request\r\n\r\n")
      connection.readToEnd()
    }
    let client = try client()
    let error = await failure { _ = try await client.send(request(server.url(scheme: "https"))) }
    #expect(error?.kind == .tls)
  }
}
