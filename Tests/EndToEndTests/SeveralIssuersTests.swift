import EndToEnd
import PKI
import TestRun
import Testing

/// Several issuers in order, and a staging environment, as a user configures them.
@Suite(.ownThread) struct SeveralIssuersTests {
  private func file(_ place: Place, _ pebble: Pebble, _ issuers: String) throws -> [String] {
    let text = """
      store: store
      acme:
        email: ops@example.com
        agree_tos: true
        challenges: [http-01]
        http01: {address: "127.0.0.1:\(pebble.http01Port)"}
        issuers:
      \(issuers)
      certificates:
        - {names: [a.example.com]}

      """
    return ["--no-delay", "--config", try place.write("certd.yaml", text)]
  }

  @Test("a CA that refuses hands over to the next one, and the report and the certificate tell")
  func handsOver() async throws {
    let place = try Place()
    let pebble = try await Pebble(place)
    let arguments = try file(
      place, pebble,
      """
          - {name: broken, directory: "\(pebble.directoryURL)/none", roots: ["\(pebble.apiRootPath)"]}
          - {name: working, directory: "\(pebble.directoryURL)", roots: ["\(pebble.apiRootPath)"]}
      """)
    let run = try await Certd(place)("renew", "-o", "json", with: arguments)
    #expect(run.ending == .exited(0), "\(run)")
    #expect(run.output.contains(#""issuer" : "working""#), "\(run)")
    #expect(run.output.contains("broken: "), "\(run)")
    let list = try await Certd(place)("list", "--store", place("store"))
    #expect(list.output.contains("working"), "\(list)")
  }

  @Test("after a failed validation the next attempt goes to the staging directory first")
  func staging() async throws {
    let place = try Place()
    let pebble = try await Pebble(place)
    let other = try Place()
    let staging = try await Pebble(other)
    let arguments = try file(
      place, pebble,
      """
          - {name: real, directory: "\(pebble.directoryURL)", roots: ["\(pebble.apiRootPath)", "\(staging.apiRootPath)"], staging: "\(staging.directoryURL)"}
      """)
    try await pebble.failLookups(of: "a.example.com")
    try await staging.failLookups(of: "a.example.com")
    let first = try await Certd(place)("renew", with: arguments)
    #expect(first.ending == .exited(1), "\(first)")
    let orders = pebble.requests("/order-plz").count
    let second = try await Certd(place)("renew", with: arguments)
    #expect(second.ending == .exited(1) && second.errors.contains("rehearsed at real/staging"), "\(second)")
    #expect(pebble.requests("/order-plz").count == orders)
    #expect(staging.requests("/order-plz").count == 1)
  }
}
