import TestRun
import Exchange
import PKI
import Proxy
import Testing

@testable import Configuration

@Suite("Defaults", .ownThread)
struct DefaultsTests {
  @Test("an empty file is a configuration of defaults", arguments: ["", "\n", "# nothing\n", "{}", "---\n"])
  func empty(text: String) throws {
    let c = try configuration(text)
    #expect(c.store == nil && c.workers == nil)
    #expect(c.log == LogSettings())
    #expect(c.listeners.map(\.address.description) == [":443", ":80"])
    #expect(c.listeners.map(\.redirectsToHTTPS) == [false, true])
    #expect(c.acme.issuers.map(\.name) == ["letsencrypt"])
    #expect(!c.acme.agreeTOS)
    #expect(c.acme.http01.address == ListenAddress(host: nil, port: 80))
    #expect(c.acme.keyTypes == [.ecP256])
    #expect(c.forwarding == ForwardedFields())
    #expect(
      c.routes.isEmpty && c.services.isEmpty && c.certificates.isEmpty && c.headers == Settings.FieldEdits())
    #expect(c.limits == Limits() && !c.areConnectionsChosen)
  }

  @Test("a service has the waits that model servers need")
  func service() throws {
    let c = try configuration("services: {a: {backends: [10.0.0.1:8000]}}")
    let service = try #require(c.service(named: "a"))
    #expect(service.kind == .http && service.protocol == .http1 && service.rules == Settings.ServiceRules())
    #expect(service.backends.map(\.weight) == [1])
    #expect(service.tls.verify)
    let health = try #require(service.health)
    #expect(health.probe == .connect && health.interval == .seconds(5) && health.timeout == .seconds(2))
    #expect(health.unhealthyThreshold == 3 && health.healthyThreshold == 1)
  }

  @Test(
    "each kind of model server has its own sign of being ready",
    arguments: [
      ("http", HealthProbe.connect),
      ("vllm", .get(path: "/health", expect: StatusRange(200...200), body: .any)),
      ("sglang", .get(path: "/health", expect: StatusRange(200...200), body: .any)),
      ("tgi", .get(path: "/health", expect: StatusRange(200...200), body: .any)),
      ("llama.cpp", .get(path: "/health", expect: StatusRange(200...200), body: .any)),
      ("triton", .get(path: "/v2/health/ready", expect: StatusRange(200...200), body: .any)),
      ("tf-serving", .get(path: "/", expect: StatusRange(100...599), body: .any)),
      ("ollama", .get(path: "/api/version", expect: StatusRange(200...200), body: .any)),
    ])
  func kinds(kind: String, probe: HealthProbe) throws {
    let c = try configuration("services: {a: {kind: \(kind), backends: [h:1]}}")
    #expect(c.services.first?.health?.probe == probe)
  }

  @Test("TensorFlow Serving with a model's path wants a version that is available")
  func tfServing() throws {
    let c = try configuration(
      "services: {a: {kind: tf-serving, backends: [h:1], health: {path: /v1/models/m}}}")
    #expect(
      c.services.first?.health?.probe
        == .get(path: "/v1/models/m", expect: StatusRange(200...200), body: .modelAvailable))
  }
}
