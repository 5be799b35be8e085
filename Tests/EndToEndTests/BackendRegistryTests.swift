import Configuration
import EndToEnd
import OS
import Synchronization
import TestRun
import Testing

@testable import certd

@Suite("Where the names of backends lead", .ownThread) struct BackendRegistryTests {
  /// A resolver and a clock that a test moves.
  private final class World: Sendable {
    let answer = Mutex<[String]>([])
    let time = Atomic<UInt64>(0)
    let lookUps = Atomic<Int>(0)
    let ttl = Mutex<Double?>(nil)
    let warnings = Mutex<[String]>([])

    func registry() -> BackendRegistry {
      BackendRegistry(
        resolve: { _, port in
          self.lookUps.wrappingAdd(1, ordering: .relaxed)
          let found = self.answer.withLock { $0 }.compactMap { SocketAddress(host: $0, port: port) }
          return found.isEmpty
            ? .failure(SystemError(call: "getaddrinfo", code: 2, subject: "vllm.test")) : .success(found)
        },
        lifetime: { _, _ in self.ttl.withLock { $0 } },
        milliseconds: { self.time.load(ordering: .relaxed) },
        warn: { warning in self.warnings.withLock { $0.append(warning) } })
    }
  }

  private static let backend = BackendAddress.tcp(host: "vllm.test", port: 80)

  private func shown(_ registry: BackendRegistry) async -> [String] {
    await registry.candidates(service: "s", Self.backend).map { $0.address?.description ?? "none" }
  }

  @Test("every address is a candidate of its own, and keeps its status while it stays")
  func addresses() async {
    let world = World()
    world.answer.withLock { $0 = ["10.0.0.1", "10.0.0.2", "10.0.0.1"] }
    let registry = world.registry()
    await registry.prepare([Self.backend])
    let first = await registry.candidates(service: "s", Self.backend)
    #expect(first.map { "\($0.address.map(\.description) ?? "")" } == ["10.0.0.1:80", "10.0.0.2:80"])
    #expect(first.filter(\.isOneOfSeveral).count == 2)
    #expect(first[0].status !== first[1].status)
    world.answer.withLock { $0 = ["10.0.0.2", "10.0.0.3"] }
    world.time.store(30_000, ordering: .relaxed)
    await registry.prepare([Self.backend])
    let second = await registry.candidates(service: "s", Self.backend)
    #expect(second.map(\.key) == ["vllm.test:80 10.0.0.2:80", "vllm.test:80 10.0.0.3:80"])
    #expect(second[0].status === first[1].status)
  }

  @Test(
    "a name is looked up again when its time is over, or at once when its backend fails",
    arguments: [(false, 29_999, 1), (false, 30_000, 2), (true, 999, 1), (true, 1000, 2)]
      as [(Bool, UInt64, Int)])
  func again(_ fails: Bool, _ at: UInt64, _ lookUps: Int) async {
    let world = World()
    world.answer.withLock { $0 = ["10.0.0.1"] }
    let registry = world.registry()
    await registry.prepare([Self.backend])
    if fails { await registry.suspect(Self.backend) }
    world.time.store(at, ordering: .relaxed)
    await registry.prepare([Self.backend])
    #expect(world.lookUps.load(ordering: .relaxed) == lookUps)
  }

  @Test("the last addresses stay while the resolver does not answer, which is told once")
  func silence() async {
    let world = World()
    let registry = world.registry()
    await registry.prepare([Self.backend])
    #expect(await shown(registry) == ["none"])
    world.answer.withLock { $0 = ["10.0.0.1"] }
    world.time.store(500, ordering: .relaxed)
    await registry.prepare([Self.backend])
    #expect(await shown(registry) == ["10.0.0.1:80"])
    world.answer.withLock { $0 = [] }
    for seconds in [40, 80] as [UInt64] {
      world.time.store(seconds * 1000, ordering: .relaxed)
      await registry.prepare([Self.backend])
      #expect(await shown(registry) == ["10.0.0.1:80"])
    }
    #expect(world.warnings.withLock { $0.count } == 2)
  }

  @Test("a configuration that is refused takes no name from the one that goes on")
  func refused() async {
    let world = World()
    world.answer.withLock { $0 = ["10.0.0.1"] }
    let registry = world.registry()
    let other = BackendAddress.tcp(host: "other.test", port: 80)
    await registry.prepare([Self.backend])
    await registry.prepare([other])
    #expect(await shown(registry) == ["10.0.0.1:80"])
    await registry.keep([other])
    #expect(await shown(registry) == ["none"])
  }

  @Test("addresses in another order are no change")
  func order() async {
    let world = World()
    world.answer.withLock { $0 = ["10.0.0.1", "10.0.0.2"] }
    let registry = world.registry()
    await registry.prepare([Self.backend])
    world.answer.withLock { $0 = ["10.0.0.2", "10.0.0.1"] }
    world.time.store(30_000, ordering: .relaxed)
    await registry.prepare([Self.backend])
    #expect(await shown(registry) == ["10.0.0.1:80", "10.0.0.2:80"])
  }

  @Test("of more addresses than are used the same ones stay, however they are turned round")
  func tooMany() async {
    let world = World()
    let all = (1...40).map { "10.0.0.\($0)" }
    world.answer.withLock { $0 = all }
    let registry = world.registry()
    await registry.prepare([Self.backend])
    let first = await registry.candidates(service: "s", Self.backend)
    #expect(first.count == BackendRegistry.maximumAddresses)
    for turn in 1..<40 {
      world.answer.withLock { $0 = Array(all[turn...] + all[..<turn]) }
      world.time.store(UInt64(turn) * 30_000, ordering: .relaxed)
      await registry.prepare([Self.backend])
      let now = await registry.candidates(service: "s", Self.backend)
      #expect(now.map(\.key) == first.map(\.key))
      #expect(zip(now, first).allSatisfy { $0.status === $1.status })
    }
  }

  @Test("a TTL that comes with another order of the same addresses is believed")
  func turnedTTL() async throws {
    let world = World()
    world.answer.withLock { $0 = ["10.0.0.1", "10.0.0.2"] }
    world.ttl.withLock { $0 = 3600 }
    let registry = world.registry()
    await registry.prepare([Self.backend])
    try await eventually("the first TTL") { await registry.believed(Self.backend) == 3600 }
    world.answer.withLock { $0 = ["10.0.0.2", "10.0.0.1"] }
    world.ttl.withLock { $0 = 30 }
    world.time.store(3_600_000, ordering: .relaxed)
    await registry.prepare([Self.backend])
    try await eventually("the second TTL") { await registry.believed(Self.backend) == 30 }
  }

  @Test("a name is looked up again when its TTL is over", arguments: [2.0, 120.0])
  func ttl(_ seconds: Double) async throws {
    let world = World()
    world.answer.withLock { $0 = ["10.0.0.1"] }
    world.ttl.withLock { $0 = seconds }
    let registry = world.registry()
    await registry.prepare([Self.backend])
    // What DNS says comes a moment after the addresses.
    try await eventually("the TTL is believed") {
      await registry.believed(Self.backend) == seconds
    }
    world.time.store(UInt64(seconds * 1000) - 1, ordering: .relaxed)
    await registry.prepare([Self.backend])
    #expect(world.lookUps.load(ordering: .relaxed) == 1)
    world.time.store(UInt64(seconds * 1000), ordering: .relaxed)
    await registry.prepare([Self.backend])
    #expect(world.lookUps.load(ordering: .relaxed) == 2)
  }

  @Test("an address that joins others has a quarter of its weight at first, and all of it after ten seconds")
  func slowStart() async {
    let world = World()
    world.answer.withLock { $0 = ["10.0.0.1"] }
    let registry = world.registry()
    await registry.prepare([Self.backend])
    func shares() async -> [Int] { await registry.candidates(service: "s", Self.backend).map(\.share) }
    #expect(await shares() == [4])
    world.answer.withLock { $0 = ["10.0.0.1", "10.0.0.2"] }
    world.time.store(30_000, ordering: .relaxed)
    await registry.prepare([Self.backend])
    #expect(await shares() == [4, 1])
    for (at, share) in [(34_999, 1), (35_000, 2), (37_500, 3), (40_000, 4)] as [(UInt64, Int)] {
      world.time.store(at, ordering: .relaxed)
      #expect(await shares() == [4, share], "\(at)")
    }
  }
}
