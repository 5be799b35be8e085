import Configuration
import Exchange
import Proxy
import TestRun
import Testing
import Upstream

@testable import certd

/// What the proxy is told where the file says nothing is what its own settings begin with.
@Suite(.ownThread) struct DefaultsTests {
  private func made() async throws -> Proxy.Settings {
    let text = """
      acme: {issuers: [local]}
      routes: [{service: a}]
      services: {a: {backends: ["127.0.0.1:1"]}}
      """
    let read = try Configuration.read(Array(text.utf8), file: "certd.yaml", baseDirectory: "/")
    return try await ProxySettings(configuration: read.configuration, backends: BackendRegistry { _ in })
      .make()
  }

  @Test("limits, services, routes and forwarding")
  func defaults() async throws {
    var settings = try await made()
    let own = Proxy.Limits()
    // These two also depend on the machine.
    #expect(settings.limits.connections <= own.connections && settings.limits.bufferMemory != nil)
    (settings.limits.connections, settings.limits.bufferMemory) = (own.connections, own.bufferMemory)
    #expect(settings.limits == own)
    #expect(settings.services.map(\.rules) == [Proxy.Settings.ServiceRules()])
    #expect(settings.services.map(\.isPassage) == [false])
    #expect(settings.routes.map(\.rules) == [Proxy.Settings.RouteRules()])
    #expect(settings.routes.map(\.keys) == [nil])
    #expect(settings.forwarding == Proxy.Settings().forwarding)
  }

  @Test("a service without outlier detection ejects nobody")
  func noOutliers() async throws {
    let text = """
      acme: {issuers: [local]}
      routes: [{service: a}]
      services: {a: {backends: ["127.0.0.1:1"], outlier_detection: false}}
      """
    let read = try Configuration.read(Array(text.utf8), file: "certd.yaml", baseDirectory: "/")
    let settings = try await ProxySettings(
      configuration: read.configuration, backends: BackendRegistry { _ in }
    ).make()
    #expect(settings.services.map(\.rules.outlierDetection) == [.off])
  }
}
