import Proxy
import TestRun
import Testing

@testable import Configuration

@Suite("Keys of affinity", .ownThread) struct AffinityKeysTests {
  private func read(_ affinity: String) throws -> Settings.Affinity? {
    let text = """
      routes: [{service: a}]
      services: {a: {backends: ["127.0.0.1:1"], affinity: \(affinity)}}
      acme: {issuers: [local]}
      """
    return try Configuration.read(Array(text.utf8), file: "certd.yaml", baseDirectory: "/")
      .configuration.services[0].rules.affinity
  }

  @Test("a client is known by its address, its key, a field or a cookie")
  func sources() throws {
    #expect(try read("address") == .init(.address))
    #expect(try read("key") == .init(.key))
    #expect(try read("{header: X-User}") == .init(.header("X-User")))
    var cookie = Settings.Affinity(.cookie(name: "stay"))
    #expect(try read("{cookie: stay}") == cookie)
    (cookie.seconds, cookie.path) = (3600, "/chat")
    #expect(try read("{cookie: stay, ttl: 1h, path: /chat}") == cookie)
  }

  @Test(
    "what cannot be is told with its place",
    arguments: [
      ("cookie", "write address, key"), ("{}", "needs either a cookie or a header"),
      ("{cookie: a, header: b}", "needs either a cookie or a header"),
      ("{header: b, ttl: 1h}", "affinity.ttl: goes with a cookie"),
      ("{cookie: a, path: \"/a;b\"}", "is no path of a cookie"),
    ])
  func errors(_ affinity: String, _ told: String) {
    do {
      _ = try read(affinity)
      #expect(Bool(false), "\(affinity)")
    } catch { #expect("\(error)".contains(told), "\(error)") }
  }
}
