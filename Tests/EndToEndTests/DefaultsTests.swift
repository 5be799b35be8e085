import Configuration
import Exchange
import Proxy
import TestRun
import Testing
import Upstream

@testable import certd

/// What the proxy takes where it is told nothing is what the reference says: a default that stands in two places is one.
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

  @Test("limits")
  func limits() async throws {
    var limits = try await made().limits
    let own = Proxy.Limits()
    // These two also depend on the machine.
    #expect(limits.connections <= own.connections)
    (limits.connections, limits.bufferBytes) = (own.connections, own.bufferBytes)
    #expect(limits == own)
  }

  @Test("a service's times, attempts, budget, policy and rules of trying again")
  func service() async throws {
    let service = try #require(try await made().services.first)
    let own = Proxy.Settings.Service(name: "a", backends: [])
    #expect(service.timeouts == own.timeouts)
    #expect(service.attempts == own.attempts && service.retryBudgetPercent == own.retryBudgetPercent)
    #expect(service.policy == own.policy && service.maximumConnections == own.maximumConnections)
    #expect(service.requestBufferBytes == own.requestBufferBytes && service.isPassage == own.isPassage)
    #expect(service.tunnelIdleMilliseconds == own.tunnelIdleMilliseconds)
    #expect(service.retryRule == own.retryRule)
    #expect(service.outliers == own.outliers)
  }

  @Test("what is told to backends, and what of a route")
  func forwarding() async throws {
    let settings = try await made()
    #expect(settings.forwarding == Proxy.Settings().forwarding)
    let own = Proxy.Settings.Route(hosts: [], paths: [], service: 0)
    #expect(settings.routes.first?.edits == own.edits && settings.routes.first?.keys == own.keys)
  }
}
