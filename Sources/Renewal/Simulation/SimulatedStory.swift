import Bytes
import CertStore
import PKI

/// What happens in a simulation, drawn from its seed: which CAs there are, their bad days, who is wanted, and when this
/// machine's clock is wrong.
struct SimulatedStory {
  private(set) var characters: [SimulatedCA.Character] = []
  private(set) var managed: [ManagedCertificate] = []
  private(set) var jumps: [(from: UnixTime, to: UnixTime, seconds: Int64)] = []

  private static let hour: Int64 = 3600
  private static let day: Int64 = 86_400

  /// Certificates under one registered domain.
  private static let namesPerDomain = 20

  init(_ scenario: Simulation.Scenario, _ world: SimulatedWorld) {
    let (start, days) = (world.time, scenario.days)
    let limits = PublishedLimits.of(host: "acme-v02.api.letsencrypt.org")
    func character(_ name: String, _ lifetimes: [(share: Int, hours: Int64)]) -> SimulatedCA.Character {
      SimulatedCA.Character(
        name: name, traits: IssuerTraits(authority: "\(name).example", limits: limits),
        lifetimes: lifetimes.map { (start + Int64(days * $0.share / 100) * Self.day, $0.hours * Self.hour) })
    }
    var short = character("short", [(0, 160)])
    var middle = character("middle", [(0, 45 * 24)])
    // Lifetimes of public certificates shrink on the way.
    var long = character("long", [(0, 90 * 24), (40, 64 * 24), (70, 45 * 24)])
    long.givesAdvice = true
    let spare = character("spare", [(0, 90 * 24)])
    short.outages = Self.outages(world, start, days, every: 60, longestHours: 60)
    middle.outages = Self.outages(world, start, days, every: 90, longestHours: 120)
    long.outages = Self.outages(world, start, days, every: 90, longestHours: 144)
    short.losesAccountsAt = Self.moments(world, start, days, every: 200)
    long.losesAccountsAt = Self.moments(world, start, days, every: 300)
    short.traits.staging = "short/staging"
    var staging = character("short/staging", [(0, 160)])
    staging.traits.limits = PublishedLimits.of(host: "acme-staging-v02.api.letsencrypt.org")
    characters = [short, middle, long, spare, staging]
    jumps = Self.moments(world, start, days, every: 45).map { moment in
      let size = Int64(world.below(10 * 86_400)) + 2 * Self.hour
      let length = Int64(world.below(5 * 3600)) + 600
      return (moment, moment + length, world.below(2) == 0 ? size : -size)
    }
    for index in 0..<scenario.certificates {
      let name = "n\(index).d\(index / Self.namesPerDomain)-example.com"
      let choices: [String] =
        switch index % 3 {
        case 0: ["short"]
        case 1: index % 2 == 0 ? ["middle"] : ["middle", "spare"]
        // Asking for advice every day is what takes the longest: one of ten does.
        default: index % 30 == 2 ? ["long"] : ["spare"]
        }
      managed.append(
        ManagedCertificate(
          name: LineageName(.dns(name)), identifiers: [.dns(name)], issuers: choices.map { IssuerChoice($0) })
      )
    }
  }

  /// Moments so many days apart on average, in order.
  private static func moments(
    _ world: SimulatedWorld, _ start: UnixTime, _ days: Int, every: Int
  ) -> [UnixTime] {
    var found: [UnixTime] = []
    var time = start + 10 * day
    while true {
      time = time + Int64(world.below(2 * every * 86_400)) + 2 * day
      guard time < start + Int64(days) * day else { return found }
      found.append(time)
    }
  }

  private static func outages(
    _ world: SimulatedWorld, _ start: UnixTime, _ days: Int, every: Int, longestHours: Int
  ) -> [(from: UnixTime, to: UnixTime)] {
    var last = start
    return moments(world, start, days, every: every).compactMap { moment in
      let end = moment + Int64(world.below(longestHours * 3600)) + hour
      // Two outages in a row are one long one: a CA that is never up is no CA.
      guard moment > last + 7 * day else { return nil }
      last = end
      return (moment, end)
    }
  }
}
