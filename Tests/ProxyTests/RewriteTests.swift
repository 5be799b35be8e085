import Exchange
import HTTP
import TestPeers
import TestRun
import Testing
import Upstream

@testable import Proxy

@Suite("What a route and a service change in a request's target and Host", .ownThread) struct RewriteTests {
  @Test(
    "a prefix is taken off and another put before; a path that means something else goes as what it means",
    arguments: [
      ("/vllm/v1/models?x=1", "/vllm", "", "/v1/models?x=1"), ("/vllm/", "/vllm", "", "/"),
      ("/vllm", "/vllm", "", "/"), ("/vllm?x", "/vllm", "", "/?x"), ("/vllmx/a", "/vllm", "", "/vllmx/a"),
      ("/%76llm/a%2fb?%76", "/vllm", "", "/a%2Fb?%76"), ("/x/../vllm/a", "/vllm", "", "/a"),
      ("/vllm/../vllm/a/./b", "/vllm", "", "/a/b"), ("//vllm//a", "/vllm", "", "/a"),
      ("/v1/models", "", "/api", "/api/v1/models"), ("/vllm/v1?x", "/vllm", "/api", "/api/v1?x"),
      ("/vllm", "/vllm", "/api", "/api/"), ("/a/../b", "", "/api", "/api/b"),
      ("http://h/vllm/a", "/vllm", "", "/a"), ("http://h", "/vllm", "/api", "/api/"),
      ("http://h?x=1", "", "/api", "/api/?x=1"),
    ])
  func path(_ target: String, _ strip: String, _ add: String, _ expected: String) async throws {
    let backend = try Backend { answerProbe($0) }
    var settings = Settings.bare(backend.target)
    settings.routes[0].rules.stripPrefix = strip
    settings.routes[0].rules.addPrefix = add
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write("GET \(target) HTTP/1.1\r\nHost: h\r\n\r\n")
      #expect(client.readAnswer().status == 200)
    }
    #expect(backend.finish().joined().hasPrefix("GET \(expected) HTTP/1.1\r\nHost: h\r\n"))
  }

  @Test("each attempt's backend gets its own Host, longer or shorter than the client's", arguments: [0, 1])
  func host(_ first: Int) async throws {
    let names = ["b", "a-much-longer-name.of-a-backend.example.com:8443"]
    let (bad, good) = (
      try Backend { wire in
        _ = wire.readHead()
        wire.close()
      }, try Backend { answerProbe($0) }
    )
    var settings = Settings.bare([bad.target, good.target])
    settings.forwarding.xForwarded = true
    settings.services[0].rules.policy = .roundRobin
    settings.services[0].rules.retries.attempts = 1
    settings.services[0].backends[0].host = names[first]
    settings.services[0].backends[1].host = names[1 - first]
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write("GET /a HTTP/1.1\r\nHost: client.example\r\nX-A: b\r\n\r\n")
      #expect(client.readAnswer().status == 200)
    }
    #expect(bad.finish().joined().hasPrefix("GET /a HTTP/1.1\r\nHost: \(names[first])\r\nX-A: b\r\n"))
    let seen = good.finish().joined()
    #expect(seen.hasPrefix("GET /a HTTP/1.1\r\nHost: \(names[1 - first])\r\nX-A: b\r\n"))
    #expect(seen.contains("X-Forwarded-Host: client.example\r\n"))
  }

  @Test("a route that sets the Host has the last word")
  func routeHost() async throws {
    let backend = try Backend { answerProbe($0) }
    var settings = Settings.bare(backend.target)
    settings.services[0].backends[0].host = "of-the-service"
    settings.routes[0].rules.headers.request.set = [.init("Host", "of-the-route")]
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      client.write("GET /a HTTP/1.1\r\nHost: client.example\r\n\r\n")
      #expect(client.readAnswer().status == 200)
    }
    let seen = backend.finish().joined()
    #expect(seen.contains("Host: of-the-route\r\n") && !seen.contains("of-the-service"))
  }
}
