import Configuration
import OS
import Proxy
import TLS
import Testing

@testable import certd

struct LenienceRuleTests {
  @Test("what was good before is not what is wanted now, where a listener is to ask for more")
  func notWeaker() throws {
    func state(_ mode: String) throws -> (Configuration, ClientCertificates?) {
      let text = """
        acme: {issuers: [local]}
        listeners: [{address: "127.0.0.1:1", client_certificates: {mode: \(mode), ca: [a.pem]}}]
        routes: [{service: a}]
        services: {a: {backends: ["127.0.0.1:1"]}}
        """
      let read = try Configuration.read(Array(text.utf8), file: "certd.yaml", baseDirectory: "/")
      return (read.configuration, read.configuration.listeners.first?.clientCertificates)
    }
    let (before, _) = try state("request")
    var settings = Proxy.Settings()
    let address = try #require(SocketAddress(host: "127.0.0.1", port: 1))
    settings.listeners = [
      .init(
        address: address, profile: nil,
        clients: ClientCheck(verification: .init(mode: .request, authoritiesPEM: [])))
    ]
    for (mode, isKept) in [("request", true), ("require", false)] {
      let lenience = Lenience(before: .init(settings, before))
      let check = lenience.clients("127.0.0.1:1", try state(mode).1, .other("unreadable"))
      #expect((check != nil) == isKept)
      #expect(lenience.problems.count == 1)
    }
  }
}
