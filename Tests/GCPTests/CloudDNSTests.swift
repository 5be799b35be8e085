import FakeGoogle
import GCP
import TestRun
import Testing

/// TXT records in Cloud DNS.
@Suite(.ownThread) struct CloudDNSTests {
  private let bench: Bench
  private let name = "_acme-challenge.a.example.com"

  init() throws {
    bench = try Bench()
    bench.google.addZone("org", "example.org.")
    bench.google.addZone("com", "example.com.")
    bench.google.addZone("deep", "a.example.com.")
    bench.google.addZone("inside", "_acme-challenge.a.example.com.", isPrivate: true)
  }

  @Test(
    "the zone is the public one with the longest name that the record is in",
    arguments: [
      ("_acme-challenge.a.example.com", "deep"), ("_acme-challenge.b.example.com", "com"),
      ("example.com", "com"),
      ("X.A.EXAMPLE.COM", "deep"), ("ba.example.com", "com"),
    ])
  func zone(name: String, expected: String) async throws {
    #expect(try await bench.session().managedZone(for: name) == expected)
  }

  @Test("a name in none of the zones is an error that says what to set")
  func noZone() async throws {
    await #expect {
      try await bench.session().managedZone(for: "notexample.com")
    } throws: { "\($0)".contains("acme.dns01.google_cloud_dns.zone") }
  }

  @Test("values are added beside those of others and removed alone, and waited for")
  func values() async throws {
    bench.google.configure { $0.pollsUntilDone = 3 }
    bench.google.texts("deep", name + ".", set: ["\"of another\"", "\"in \" \"parts\""])
    let session = bench.session()
    try await session.addText("one", at: name, zone: "deep", ttl: 60)
    try await session.addText("one", at: name, zone: "deep", ttl: 60)
    try await session.addText("two", at: name, zone: "deep", ttl: 60)
    #expect(
      bench.google.texts("deep", name + ".") == [
        "\"of another\"", "\"in \" \"parts\"", "\"one\"", "\"two\"",
      ])
    #expect(bench.google.journal.filter { $0.path.contains("/changes/") }.count == 6)
    for value in ["one", "two", "never there"] {
      try await session.removeText(value, at: name, zone: "deep")
    }
    #expect(bench.google.texts("deep", name + ".") == ["\"of another\"", "\"in \" \"parts\""])
    #expect(bench.google.writes.count == 4)
  }

  @Test("the last value takes the record with it")
  func last() async throws {
    let session = bench.session()
    try await session.addText("one", at: name, zone: "com", ttl: 60)
    try await session.removeText("one", at: name, zone: "com")
    #expect(bench.google.texts("com", name + ".") == [])
  }

  @Test("many at one name at a time lose none")
  func crowd() async throws {
    let values = (0..<5).map { "value-\($0)" }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for value in values {
        group.addTask { [bench, name] in
          try await bench.session().addText(value, at: name, zone: "com", ttl: 60)
        }
      }
      try await group.waitForAll()
    }
    #expect(Set(bench.google.texts("com", name + ".")) == Set(values.map { "\"\($0)\"" }))
  }

  @Test(
    "a missing permission is named",
    arguments: ["dns.managedZones.list", "dns.resourceRecordSets.list", "dns.changes.create"])
  func denied(permission: String) async throws {
    bench.google.configure { $0.denied = [permission] }
    let session = bench.session()
    await #expect {
      let zone = try await session.managedZone(for: name)
      try await session.addText("one", at: name, zone: zone, ttl: 60)
    } throws: { "\($0)".contains(permission) }
  }

  @Test("a zone that is not there is told by its name")
  func missingZone() async throws {
    await #expect {
      try await bench.session().addText("one", at: name, zone: "typo", ttl: 60)
    } throws: { "\($0)".contains("typo") }
  }
}
