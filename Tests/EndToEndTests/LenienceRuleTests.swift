import Configuration
import OS
import Proxy
import TLS
import TestRun
import Testing

@testable import certd

@Suite(.ownThread) struct LenienceRuleTests {
  @Test(
    "keys of another file are no last good state, nor are none",
    arguments: [
      ("one", ["k"], 1), ("one", [], 0), ("two", ["k"], 0),
    ])
  func keys(_ file: String, _ held: [String], _ count: Int) throws {
    func read(_ file: String) throws -> Configuration {
      let text = """
        acme: {issuers: [local]}
        routes: [{service: a, auth: {api_keys: \(file)}}]
        services: {a: {backends: ["127.0.0.1:1"]}}
        """
      return try Configuration.read(Array(text.utf8), file: "certd.yaml", baseDirectory: "/").configuration
    }
    var settings = Proxy.Settings()
    settings.routes = [.init(hosts: [], paths: [.prefix("/")], service: 0)]
    settings.routes[0].keys = held.map { Array($0.utf8) }
    let lenience = Lenience(before: .init(settings, try read("one")))
    let wanted = try #require(try read(file).routes[0].keyFile)
    #expect(lenience.keys(settings.routes[0], wanted, .other("unreadable")).count == count)
  }

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
