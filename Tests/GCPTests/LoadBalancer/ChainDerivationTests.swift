import GCP
import JSON
import TestRun
import Testing

@Suite(.ownThread) struct ChainDerivationTests {
  private func body(_ settings: ChainSettings, _ label: String) throws -> JSONValue {
    try #require(settings.desired(project: "p").first { $0.label == label }).body
  }

  @Test("the whole chain is derived, each resource with what it refers to before it")
  func whole() {
    let all = ChainSettings.example().desired(project: "p")
    #expect(
      all.map(\.label) == [
        "zones/us-central1-a/networkEndpointGroups/edge-chat-us-central1-a-ip",
        "global/healthChecks/edge-chat-http", "global/healthChecks/edge-site-tcp",
        "global/backendServices/edge-chat", "global/backendServices/edge-site", "global/urlMaps/edge-map",
        "global/targetHttpsProxies/edge-proxy", "global/addresses/edge-ip",
        "global/forwardingRules/edge-https",
        "global/urlMaps/edge-redirect", "global/targetHttpProxies/edge-redirect",
        "global/forwardingRules/edge-http",
      ])
    var known: Set<String> = ["global/sslCertificates/cert-a", "global/networks/default"]
    known.insert("zones/us-central1-a/instanceGroups/web")
    for resource in all {
      for link in resource.references(project: "p") {
        #expect(known.contains(link.description), "\(resource.label) refers to \(link)")
      }
      known.insert(resource.label)
    }
  }

  @Test("a service that no route leads to has no part in the chain")
  func unused() {
    let settings = ChainSettings.example { $0.routes.removeLast() }
    #expect(!settings.desired(project: "p").contains { $0.name.contains("site") })
  }

  @Test("a backend service says what is spoken, how long, to whom, and how full a group may be")
  func backendService() throws {
    let body = try body(.example(), "global/backendServices/edge-chat")
    #expect(body["protocol"] == "HTTP" && body["timeoutSec"] == 1200)
    #expect(body["loadBalancingScheme"] == "EXTERNAL_MANAGED" && body["localityLbPolicy"] == "LEAST_REQUEST")
    let backend = try #require(body["backends"]?[0])
    #expect(backend["balancingMode"] == "RATE" && backend["maxRatePerEndpoint"] == 100)
    #expect(backend["group"]?.string?.hasSuffix("/networkEndpointGroups/edge-chat-us-central1-a-ip") == true)
  }

  static let probes: [(ChainHealth.Probe, String, String, JSONValue)] = [
    (.tcp, "TCP", "tcpHealthCheck", ["portSpecification": "USE_SERVING_PORT"]),
    (
      .get(wire: .http, path: "/health", response: ""), "HTTP", "httpHealthCheck",
      ["portSpecification": "USE_SERVING_PORT", "requestPath": "/health"]
    ),
    (
      .get(wire: .https, path: "/", response: "ok"), "HTTPS", "httpsHealthCheck",
      ["portSpecification": "USE_SERVING_PORT", "requestPath": "/", "response": "ok"]
    ),
    (
      .get(wire: .h2, path: "/", response: ""), "HTTP2", "http2HealthCheck",
      ["portSpecification": "USE_SERVING_PORT", "requestPath": "/"]
    ),
    (
      .grpc(service: "a.B", tls: false), "GRPC", "grpcHealthCheck",
      ["portSpecification": "USE_SERVING_PORT", "grpcServiceName": "a.B"]
    ),
    (
      .grpc(service: "", tls: true), "GRPC_WITH_TLS", "grpcTlsHealthCheck",
      ["portSpecification": "USE_SERVING_PORT"]
    ),
  ]

  @Test("each probe is a health check of its own type and name", arguments: 0..<probes.count)
  func health(index: Int) throws {
    let (probe, type, section, members) = Self.probes[index]
    let settings = ChainSettings.example { $0.services[0].health?.probe = probe }
    let check = try #require(settings.desired(project: "p").first { $0.kind == .healthCheck })
    #expect(check.name == "edge-chat-\(type.lowercased().replacing("_", with: "-"))")
    #expect(check.body["type"] == .string(type))
    let given = (check.body[section]?.members ?? [:]).filter { $0.value != .null }
    #expect(JSONValue.object(given) == members)
  }

  @Test("a check on another port says so")
  func fixedPort() throws {
    let settings = ChainSettings.example { $0.services[0].health?.port = 9000 }
    let section = try body(settings, "global/healthChecks/edge-chat-http")["httpHealthCheck"]
    #expect(section?["portSpecification"] == "USE_FIXED_PORT" && section?["port"] == 9000)
  }

  @Test("an SSL proxy has the one service behind it, and no URL map")
  func ssl() throws {
    let settings = ChainSettings.example {
      $0.kind = .ssl
      $0.services = [.raw]
      $0.services[0].sendsProxyHeader = true
      $0.routes = [ChainRoute(hosts: ["*"], paths: ["/*"], service: "raw")]
    }
    let all = settings.desired(project: "p")
    #expect(!all.contains { $0.kind == .urlMap || $0.kind == .httpProxy })
    let proxy = try body(settings, "global/targetSslProxies/edge-ssl-proxy")
    #expect(proxy["proxyHeader"] == "PROXY_V1")
    #expect(proxy["service"]?.string?.hasSuffix("/backendServices/edge-raw") == true)
    #expect(try body(settings, "global/backendServices/edge-raw")["protocol"] == "TCP")
  }

  @Test(
    "names fit Google's pattern, and different ones stay different",
    arguments: ["Chat_v2", String(repeating: "x", count: 80), "a.b", "ends-"])
  func names(service: String) throws {
    let settings = ChainSettings.example {
      $0.services[0].name = service
      $0.routes[0].service = service
    }
    let pattern = /[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?/
    for resource in settings.desired(project: "p") {
      #expect(resource.name.wholeMatch(of: pattern) != nil, "\(resource.name)")
    }
    let twins = ChainSettings.example {
      $0.services[0].name = "a.b"
      $0.services[1].name = "a_b"
      $0.routes[0].service = "a.b"
      $0.routes[1].service = "a_b"
    }
    #expect(Set(twins.desired(project: "p").map(\.label)).count == twins.desired(project: "p").count)
  }

  @Test("no resource holds anything but members that Google knows, and every one is marked")
  func members() {
    for resource in ChainSettings.example().desired(project: "p") {
      #expect(resource.body["description"]?.string?.contains(#""load_balancer":"edge""#) == true)
    }
  }
}
