@testable import HTTPClient
import HTTP
import OS
import Synchronization
import TLS
import TestPeers
import TestSupport
import TestRun
import Testing

@Suite(.ownThread) struct ProxyTests {
  struct Rule: Sendable, CustomTestStringConvertible {
    let environment: [String: String]
    let url: String
    let proxy: String?
    var testDescription: String { "\(environment) \(url)" }
  }

  private static let both = ["HTTPS_PROXY": "http://p:3128", "http_proxy": "q:8080"]

  private static func exceptions(_ list: String, _ url: String, _ proxy: String?) -> Rule {
    Rule(environment: both.merging(["NO_PROXY": list]) { $1 }, url: url, proxy: proxy)
  }

  static let rules: [Rule] = [
    Rule(environment: [:], url: "https://a.example", proxy: nil),
    Rule(environment: both, url: "https://a.example", proxy: "http://p:3128/"),
    Rule(environment: both, url: "http://a.example", proxy: "http://q:8080/"),
    Rule(environment: ["HTTP_PROXY": "http://p"], url: "http://a.example", proxy: nil),
    Rule(environment: ["HTTPS_PROXY": ""], url: "https://a.example", proxy: nil),
    Rule(
      environment: ["HTTPS_PROXY": "http://p", "https_proxy": "http://o"], url: "https://a",
      proxy: "http://o/"),
    Rule(environment: ["ALL_PROXY": "http://p"], url: "https://a", proxy: "http://p/"),
    Rule(environment: both, url: "https://localhost", proxy: nil),
    Rule(environment: both, url: "https://127.0.0.53", proxy: nil),
    Rule(environment: both, url: "https://[::1]", proxy: nil),
    exceptions("*", "https://a.example", nil),
    exceptions("a.example", "https://a.example", nil),
    exceptions("a.example", "https://b.a.example", nil),
    exceptions("a.example", "https://ba.example", "http://p:3128/"),
    exceptions("a.example", "https://example", "http://p:3128/"),
    exceptions(".a.example", "https://b.a.example", nil),
    exceptions("*.a.example", "https://b.a.example", nil),
    exceptions("x, A.Example ,y", "https://a.example", nil),
    exceptions("", "https://a.example", "http://p:3128/"),
    exceptions(",,", "https://a.example", "http://p:3128/"),
    exceptions("10.0.0.1", "https://10.0.0.1", nil),
    exceptions("10.0.0.1", "https://110.0.0.1", "http://p:3128/"),
    exceptions("a.example", "http://a.example", nil),
  ]

  @Test("the environment decides about the proxy", arguments: rules)
  func environment(_ rule: Rule) throws {
    let url = try #require(URL(rule.url))
    #expect(try ProxyRules(environment: rule.environment).proxy(for: url)?.description == rule.proxy)
  }

  @Test(
    "a proxy that cannot be used is an error that does not tell its password",
    arguments: ["https://p", "http://u:s3cret@p", "socks5://p", "http://p:0"])
  func unusable(_ text: String) throws {
    let url = try #require(URL("https://a.example"))
    let rules = ProxyRules(environment: ["HTTPS_PROXY": text])
    let error = #expect(throws: HTTPClientError.self) { _ = try rules.proxy(for: url) }
    #expect(error?.reason.contains("HTTPS_PROXY") == true)
    #expect(error?.reason.contains("s3cret") == false)
  }

  private final class Heads: Sendable {
    private let held = Mutex<[String]>([])
    var all: [String] { held.withLock { $0 } }
    func add(_ head: String) { held.withLock { $0.append(head) } }
  }

  @Test("an http URL goes to the proxy in absolute form")
  func plain() async throws {
    let heads = Heads()
    let proxy = try LocalServer { connection in
      heads.add(connection.readHead())
      connection.write(answer("proxied"))
    }
    let client = try client(["http_proxy": proxy.url("")])
    #expect(try await client.send(request("http://a.example:81/x?y")).text == "proxied")
    #expect(heads.all == ["GET http://a.example:81/x?y HTTP/1.1\r\nHost: a.example:81\r\n\r\n"])
  }

  private func secureProxy(_ authority: TestAuthority, name: String, _ heads: Heads) throws -> LocalServer {
    let credential = try authority.credential(name)
    return try LocalServer { connection in
      heads.add(connection.readHead())
      connection.write("HTTP/1.1 200 Connection established\r\n\r\n")
      let context = try? ServerContext(
        credentials: [credential], profile: .modern,
        tickets: TicketKeys(random: { [UInt8](repeating: 7, count: $0) }))
      guard let context, connection.secure(context) else {
        return
      }
      heads.add(connection.readHead())
      connection.write(answer("through the tunnel"))
    }
  }

  @Test(
    "an https URL goes through the proxy's tunnel, the origin's certificate verified",
    arguments: [("llm.example", "llm.example:443"), ("2001:db8::1", "[2001:db8::1]:443")])
  func tunnel(_ host: String, _ authorityText: String) async throws {
    let heads = Heads()
    let authority = try TestAuthority()
    let proxy = try secureProxy(authority, name: host, heads)
    let client = try client(["HTTPS_PROXY": proxy.url("")])
    let url = "https://\(host.contains(":") ? "[\(host)]" : host)/x"
    let response = try await client.send(request(url), .init(context: ClientContext(trust: authority.trust)))
    #expect(response.text == "through the tunnel")
    #expect(heads.all.first == "CONNECT \(authorityText) HTTP/1.1\r\nHost: \(authorityText)\r\n\r\n")
    #expect(heads.all.last?.hasPrefix("GET /x HTTP/1.1\r\n") == true)
  }

  @Test(
    "a proxy that refuses the tunnel is told with its status, whatever it says beside",
    arguments: [
      "Content-Length: 5\r\n\r\nnever", "Transfer-Encoding: chunked\r\n\r\n5\r\nnever\r\n0\r\n\r\n",
      "\r\nuntil close",
    ])
  func refusedTunnel(_ rest: String) async throws {
    let proxy = try LocalServer { connection in
      _ = connection.readHead()
      connection.write("HTTP/1.1 407 Proxy Authentication Required\r\n" + rest)
    }
    let client = try client(["HTTPS_PROXY": proxy.url("")])
    let error = await failure { _ = try await client.send(request("https://llm.example/")) }
    #expect(error?.kind == .connect)
    #expect(error?.reason.contains("407") == true)
  }

  @Test("what a proxy sends after its answer is never taken for the origin's")
  func smuggledAnswer() async throws {
    let authority = try TestAuthority()
    let credential = try authority.credential("llm.example")
    let proxy = try LocalServer { connection in
      _ = connection.readHead()
      connection.write("HTTP/1.1 200 OK\r\n\r\n" + answer("forged"))
      let context = try? ServerContext(
        credentials: [credential], profile: .modern,
        tickets: TicketKeys(random: { [UInt8](repeating: 7, count: $0) }))
      guard let context, connection.secure(context) else {
        return
      }
      _ = connection.readHead()
      connection.write(answer("genuine"))
    }
    let client = try client(["HTTPS_PROXY": proxy.url("")])
    let error = await failure {
      let response = try await client.send(
        request("https://llm.example/"), .init(context: ClientContext(trust: authority.trust)))
      #expect(response.text != "forged")
    }
    #expect(error?.kind == .malformed)
  }
}
