import EndToEnd
import PKI
import TestRun
import Testing

/// `certd renew`, as cron runs it.
@Suite(.ownThread) struct RenewTests {
  /// A configuration with certificates of these names, and nothing that listens.
  private func configuration(
    _ place: Place, _ pebble: Pebble, _ names: [String], hooks: [String] = []
  ) throws -> [String] {
    let entries = names.map { name in
      "  - {names: [\(name)], deploy_hooks: [\(hooks.map { "'\($0)'" }.joined(separator: ", "))]}"
    }
    let file = try place.write(
      "certd.yaml",
      "store: store\n\(pebble.acmeSection)\ncertificates:\n\(entries.joined(separator: "\n"))\n")
    return ["--no-delay", "--config", file]
  }

  private func generation(_ place: Place, _ name: String) async throws -> String {
    try await place.run(["readlink", place("store/certificates/\(name)/current")], called: "readlink").output
  }

  /// Whether everything in the store can be served: what `list` shows, and what it says about damage.
  private func expectWhole(_ place: Place, _ names: [String]) async throws {
    let certd = try Certd(place)
    let list = try await certd("list", "--store", place("store"))
    #expect(list.ending == .exited(0) && list.errors == "", "\(list)")
    for name in names {
      #expect(list.output.contains(name))
      let pem = place.read("store/certificates/\(name)/current/fullchain.pem")
      let key = try PrivateKey(
        pem: Array(place.read("store/certificates/\(name)/current/privkey.pem").utf8))
      let leaf = try #require(try Certificate.parse(pem: Array(pem.utf8)).first)
      #expect(leaf.matches(key))
    }
  }

  @Test("a name that the CA cannot look up stops none of the others, and the exit status tells of it")
  func oneBad() async throws {
    let place = try Place()
    let pebble = try await Pebble(place)
    let certd = try Certd(place)
    let names = ["a.example.com", "bad.example.com", "c.example.com"]
    let arguments = try configuration(place, pebble, names)
    try await pebble.failLookups(of: "bad.example.com")
    let first = try await certd("renew", with: arguments)
    #expect(first.ending == .exited(1))
    #expect(first.errors.contains("bad.example.com"), "\(first)")
    try await expectWhole(place, ["a.example.com", "c.example.com"])

    let quiet = try await certd("renew", "--quiet", with: arguments + ["--name", "a.example.com"])
    #expect(quiet.ending == .exited(0) && quiet.output == "" && quiet.errors == "", "\(quiet)")

    try await pebble.mendLookups(of: "bad.example.com")
    let mended = try await certd("renew", "--force", with: arguments + ["--name", "bad.example.com"])
    #expect(mended.ending == .exited(0), "\(mended)")
    try await expectWhole(place, names)
    #expect(try await generation(place, "a.example.com") == "gen-1\n")
  }

  @Test("a dry run tells what would be done and asks nobody")
  func dryRun() async throws {
    let place = try Place()
    let pebble = try await Pebble(place)
    let arguments = try configuration(place, pebble, ["a.example.com"])
    let before = pebble.requests("/nonce-plz").count + pebble.requests("/dir").count
    let dry = try await Certd(place)("renew", "--dry-run", with: arguments)
    #expect(dry.ending == .exited(0) && dry.output.contains("a.example.com: would be renewed"), "\(dry)")
    #expect(pebble.requests("/nonce-plz").count + pebble.requests("/dir").count == before)
    #expect(try await generation(place, "a.example.com") == "")
  }

  @Test("quiet says nothing on either stream when all went well, whether renewed or not due")
  func quiet() async throws {
    let place = try Place()
    let pebble = try await Pebble(place)
    let arguments = try configuration(place, pebble, ["a.example.com"], hooks: ["true"]) + ["--quiet"]
    for force in [["--force"], []] {
      let run = try await Certd(place)("renew", with: arguments + force)
      #expect(run.ending == .exited(0) && run.output == "" && run.errors == "", "\(run)")
    }
  }

  @Test("hooks run once for a renewed certificate, with its lineage and domains")
  func hooks() async throws {
    let place = try Place()
    let pebble = try await Pebble(place)
    let hook = #"echo "$RENEWED_LINEAGE|$RENEWED_DOMAINS" >> \#(place("hooks"))"#
    let arguments = try configuration(place, pebble, ["a.example.com", "b.example.com"], hooks: [hook])
    #expect(try await Certd(place)("renew", with: arguments).ending == .exited(0))
    #expect(try await Certd(place)("renew", with: arguments).ending == .exited(0))
    let lines = Set(place.read("hooks").split(separator: "\n").map(String.init))
    #expect(place.read("hooks").split(separator: "\n").count == 2)
    for name in ["a.example.com", "b.example.com"] {
      #expect(
        lines.contains { $0.contains("/certificates/\(name)") && $0.hasSuffix("|\(name)") }, "\(lines)")
    }
  }

  @Test("a failing hook is reported, keeps the renewal, and is tried again by the next run")
  func failingHook() async throws {
    let place = try Place()
    let pebble = try await Pebble(place)
    let certd = try Certd(place)
    let arguments = try configuration(
      place, pebble, ["a.example.com"], hooks: ["test -e \(place("ready")) && echo ran >> \(place("hooks"))"])
    let first = try await certd("renew", "--quiet", with: arguments)
    #expect(first.ending == .exited(1) && first.errors.contains("hook"), "\(first)")
    #expect(try await generation(place, "a.example.com") == "gen-1\n")
    try place.write("ready", "")
    let second = try await certd("renew", with: arguments)
    #expect(second.ending == .exited(0), "\(second)")
    #expect(place.read("hooks") == "ran\n")
    #expect(try await certd("renew", with: arguments).ending == .exited(0))
    #expect(place.read("hooks") == "ran\n")
    #expect(try await generation(place, "a.example.com") == "gen-1\n")
  }

  @Test("two forced renewals at once both succeed and leave the store whole")
  func twoAtOnce() async throws {
    let place = try Place()
    let pebble = try await Pebble(place)
    let certd = try Certd(place)
    let arguments = try configuration(place, pebble, ["a.example.com", "b.example.com"]) + ["--force"]
    #expect(try await certd("renew", with: arguments).ending == .exited(0))
    async let one = certd("renew", with: arguments)
    async let two = certd("renew", with: arguments)
    for run in try await [one, two] { #expect(run.ending == .exited(0), "\(run)") }
    try await expectWhole(place, ["a.example.com", "b.example.com"])
    for name in ["a.example.com", "b.example.com"] {
      #expect(["gen-2\n", "gen-3\n"].contains(try await generation(place, name)))
    }
  }

  @Test("a renewal killed after any of its requests is made up for by the next run")
  func killed() async throws {
    let place = try Place()
    let pebble = try await Pebble(place)
    let certd = try Certd(place)
    let proxy = try await FaultProxy(place, pebble, called: "counting")
    let file = try place.write(
      "certd.yaml",
      """
      store: store
      acme:
        agree_tos: true
        issuances_per_day: 100
        issuers: [{name: pebble, directory: "\(proxy.directoryURL)", roots: ["\(proxy.rootPath)"]}]
        http01: {address: "127.0.0.1:\(pebble.http01Port)"}
      certificates: [{names: [a.example.com]}]
      """)
    let arguments = ["--no-delay", "--force", "--config", file]
    for n in 0..<20 {
      try await proxy.breakRequest(-1, "none")
      let renewal = try await certd.start(["renew"] + arguments)
      // After request n % 14, and a while later that differs from round to round.
      try await eventually("request \(n)") {
        try await proxy.count() > n % 14 || renewal.ending != nil
      }
      renewal.signal(9)
      _ = try await renewal.end()
      if n % 4 == 3 {
        let plain = try await certd("renew", with: arguments)
        #expect(plain.ending == .exited(0), "after \(n): \(plain)")
        try await expectWhole(place, ["a.example.com"])
      }
    }
  }
}
