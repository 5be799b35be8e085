import FakeGoogle
import GCP
import TestSupport
import TestRun
import Testing

/// From whatever state our own runs, cut off anywhere, leave behind, one run leads to what is configured.
@Suite(.ownThread) struct ChainPropertyTests {
  private static let changes: [@Sendable (inout ChainSettings) -> Void] =
    ChainStoryTests.table.map(\.0).filter { change in
      // The last one, which leads to the other kind of proxy, does not go together with the others.
      var settings = ChainSettings.example()
      change(&settings)
      return settings.kind == .https
    }

  /// Some of the changes at once.
  private func settings(_ random: inout SeededGenerator) -> ChainSettings {
    .example { settings in
      guard random.next() % 6 > 0 else {
        settings.kind = .ssl
        settings.services = [.raw]
        settings.routes = [ChainRoute(hosts: ["*"], paths: ["/*"], service: "raw")]
        return
      }
      for change in Self.changes where random.next() % 4 == 0 { change(&settings) }
      settings.routes = settings.routes.filter { route in
        settings.services.contains { $0.name == route.service }
      }
    }
  }

  /// Everything but addresses, which stay, and certificates, which the push removes.
  private func kept(_ google: FakeGoogle) -> [String: JSON] {
    var all = essence(google).filter { !$0.key.contains("/addresses/") }
    for (path, value) in all where value["sslCertificates"] != nil {
      all[path]?["sslCertificates"] = nil
    }
    return all
  }

  @Test(
    "after any walk of interrupted runs, one run makes what a first run makes",
    arguments: Tier.points(6, each: 3).map { UInt64($0 + 1) })
  func converges(seed: UInt64) async throws {
    var random = SeededGenerator(seed: seed)
    let google = try FakeGoogle()
    try google.furnish()
    google.configure { $0.pollsUntilDone = Int(random.next() % 4) }
    for step in 0..<12 {
      let wanted = settings(&random)
      google.cut(after: Int(random.next() % 60), lastIsAnswered: random.next() % 2 == 0)
      _ = try? await ChainLab(google).apply(wanted)
      google.recover(settled: random.next() % 2 == 0)
      guard step % 3 == 2 else { continue }
      let lab = try ChainLab(google)
      try await lab.apply(wanted)
      let rest = try await lab.plan(wanted)
      #expect(rest.isEmpty, "seed \(seed), step \(step): \(rest.text)")
      let fresh = try FakeGoogle()
      try fresh.furnish()
      try await ChainLab(fresh).apply(wanted)
      let (found, made) = (kept(google), kept(fresh))
      for path in Set(found.keys).union(made.keys).sorted() where found[path] != made[path] {
        let texts = [found[path], made[path]].map { $0?.text ?? "nothing" }
        Issue.record("seed \(seed), step \(step): \(path)\n\(texts[0])\n\(texts[1])")
      }
    }
    #expect(google.problems.isEmpty)
  }
}
