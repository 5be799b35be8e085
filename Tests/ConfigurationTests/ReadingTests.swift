import TestRun
import ACME
import HTTP
import Proxy
import Telemetry
import Testing
import Upstream

@testable import Configuration

@Suite("Reading", .ownThread)
struct ReadingTests {
  @Test("a full file gives every value that it names")
  func full() throws {
    let c = try configuration(fullExample)
    #expect(c.store == "/etc/certd/certs" && c.workers == 4)
    #expect(
      c.log
        == LogSettings(
          level: .debug, format: .json, access: AccessSettings(to: .file("/etc/certd/logs/access.log"))))
    #expect(c.acme.issuers.map(\.name) == ["letsencrypt", "google", "ca.corp.example_14000", "local"])
    #expect(c.acme.issuers.map(\.isPublic) == [true, true, false, false])
    guard case .acme(let google) = c.acme.issuers[1].kind, case .acme(let own) = c.acme.issuers[2].kind
    else { return #expect(Bool(false)) }
    #expect(
      google.externalAccount
        == ExternalAccount(keyIdentifier: "abc", keyFile: "/etc/certd/eab.key", algorithm: .hs256))
    #expect(own.roots == ["/etc/certd/roots.pem"] && own.profile == "short")
    #expect(c.acme.localLifetime == .seconds(86_400) && c.acme.preferredChain == "ISRG Root X1")
    #expect(c.listeners.map(\.tls) == [.modern, .compatible, .off])
    #expect(c.trustedProxies.map(\.prefixLength) == [8, 32])
    #expect(c.headers.response.set.map(\.name) == ["Strict-Transport-Security"])
    #expect(c.headers.response.remove == ["Server"])
    #expect(c.routes[0].hosts.map(\.value.description) == ["llm.example.com", "*.models.example.com"])
    #expect(c.routes[0].paths.map(\.value) == [.prefix("/v1/"), .exact("/health")])
    #expect(c.routes[1].hosts.map(\.value) == [.any] && c.routes[1].paths.map(\.value) == [.prefix("/")])
    #expect(c.limits.requestHead == 32_768 && c.limits.upgradeIdleTimeout == .never)
    #expect(c.limits.drainTimeout == 300_000)
  }

  @Test("a full service gives every value that it names")
  func fullService() throws {
    let service = try #require(try configuration(fullExample).service(named: "chat"))
    #expect(
      service.protocol == .https && service.rules.policy == .roundRobin && service.rules.maxConnections == 100
    )
    #expect(service.backends.map(\.address.description) == ["10.0.0.11:8000", "10.0.0.12:8000"])
    #expect(service.backends.map(\.weight) == [1, 3])
    #expect(
      service.tls
        == BackendTLS(roots: ["/etc/certd/backend.pem"], serverName: "vllm.internal", verify: true))
    #expect(
      service.health
        == HealthCheck(
          probe: .get(path: "/health", expect: StatusRange(200...204), body: .any), port: 9000,
          interval: .seconds(10), timeout: .seconds(3), unhealthyThreshold: 2, healthyThreshold: 4))
    #expect(service.rules.maxRequestsPerBackend == 64 && service.rules.queue.size == 8)
    #expect(service.rules.queue.timeout == 2000 && service.rules.recheck == 10_000)
    #expect(service.rules.timeouts.responseHead == .never && service.rules.timeouts.firstByte == 1_200_000)
  }

  @Test("the design's example is a configuration")
  func design() throws {
    let c = try configuration(
      """
      acme:
        email: ops@example.com
        agree_tos: true
        issuers: [letsencrypt]            # presets
      certificates:                        # optional
        - { cert: /etc/ssl/other.pem, key: /etc/ssl/other.key }
      listeners:
        - { address: ":443", tls: modern }
        - { address: ":80", redirect: https }   # HTTP-01 answered before the redirect
      routes:
        - hosts: [llm.example.com]
          paths: [/v1/*]
          service: chat
      services:
        chat:
          kind: vllm                       # sets health check
          backends: [10.0.0.11:8000, 10.0.0.12:8000]
          policy: least-request
      """)
    #expect(c.services.map(\.name) == ["chat"] && c.routes.count == 1 && c.certificates.count == 1)
  }

  @Test("moving lines about changes nothing")
  func equality() throws {
    let spread = fullExample.replacing("\nservices:", with: "\n\n# moved\nservices:")
    #expect(try configuration(spread) == configuration(fullExample))
  }

  @Test("a value knows where it was written")
  func origins() throws {
    let c = try configuration(fullExample)
    let origin = c.routes[0].hosts[1].origin
    #expect(origin.path == "routes[0].hosts[1]" && origin.position == Position(line: 29, column: 30))
    #expect(
      c.error(at: origin, "no").description == "certd.yaml:29:30: routes[0].hosts[1]: no")
  }

  @Test("a service that no route leads to is a warning")
  func unused() throws {
    let reading = try read("services: {a: {backends: [h:1]}}")
    #expect(
      reading.warnings.map(\.description) == ["certd.yaml:1:12: services.a: no route leads to this service"])
  }

  @Test("values of field settings never show in a description")
  func secrets() throws {
    let c = try configuration("headers: {request: {set: {Authorization: Bearer s3cret}}}")
    #expect(c.headers.request.set.first?.value == "Bearer s3cret")
    #expect(!String(describing: c).contains("s3cret") && !String(reflecting: c).contains("s3cret"))
  }
}
