public import Bytes
public import CertStore
import PKI
import Synchronization

/// The store in common of processes on one machine: the store on disk, whose locks are the claims.
public final class EmbeddedStore: SharedStore {
  private final class Held: Sendable {
    let lock: LineageLock
    let claim: Claim

    init(_ lock: consuming LineageLock, _ claim: Claim) {
      self.lock = lock
      self.claim = claim
    }
  }

  private struct State {
    var held: [LineageName: Held] = [:]
    var fence: Int64 = 0
  }

  private let store: CertStore
  private let node: String
  private let now: @Sendable () -> UnixTime
  private let state = Mutex(State())

  /// A store on disk as one process has it.
  public init(_ store: CertStore, node: String, now: @escaping @Sendable () -> UnixTime) {
    (self.store, self.node, self.now) = (store, node, now)
  }

  private func doing<R>(_ body: () throws -> R) throws(FleetError) -> R {
    do { return try body() } catch { throw .store("\(error)") }
  }

  private func lock(_ name: LineageName) throws(FleetError) -> LineageLock? {
    do throws(StoreError) { return try store.lock(name) } catch { throw .store("\(error)") }
  }

  private func held(_ claim: Claim) -> Held? {
    state.withLock { $0.held[claim.name] }.flatMap { $0.claim == claim ? $0 : nil }
  }

  /// By the kernel's lock.
  public func claim(_ name: LineageName) async throws(FleetError) -> ClaimOutcome {
    if let held = state.withLock({ $0.held[name] }) { return .granted(held.claim) }
    guard let lock = try lock(name) else { return .held(by: "another process") }
    let fence = state.withLock { state in
      state.fence += 1
      return state.fence
    }
    let held = Held(lock, Claim(name: name, fence: fence))
    state.withLock { $0.held[name] = held }
    return .granted(held.claim)
  }

  /// Unlocks.
  public func release(_ claim: Claim) async { lose(claim) }

  /// What a kill does.
  func lose(_ claim: Claim) {
    state.withLock { if $0.held[claim.name]?.claim == claim { $0.held[claim.name] = nil } }
  }

  /// What is served.
  public func newest(_ name: LineageName) async throws(FleetError) -> SharedGeneration? {
    guard let stored = store.load(name, now: now()) else { return nil }
    return SharedGeneration(
      number: stored.meta.fleetGeneration ?? stored.generation, key: stored.key, chain: stored.chain,
      meta: stored.meta, node: node, publishedAt: stored.meta.storedAt ?? now())
  }

  /// Checked, and served from then on.
  public func publish(
    _ generation: SharedGeneration, after previous: Int?, under claim: Claim
  ) async throws(FleetError) -> Publication {
    guard let held = held(claim) else { return .lost }
    let before = try await newest(claim.name)
    if let before, before.number == generation.number, before.leafSHA256 == generation.leafSHA256 {
      return .published
    }
    guard before?.number == previous, generation.number > previous ?? 0 else { return .overtaken }
    _ = try doing {
      try store.publish(
        held.lock, key: generation.key, chain: generation.chain, meta: generation.meta, now: now())
    }
    return .published
  }

  /// The journal's.
  public func order(_ name: LineageName) async throws(FleetError) -> PendingOrder? {
    if let held = state.withLock({ $0.held[name] }) {
      return try doing { try store.order(held.lock, now: now()) }
    }
    guard let lock = try lock(name) else { throw .store("\(name) is locked") }
    do throws(StoreError) { return try store.order(lock, now: now()) } catch { throw .store("\(error)") }
  }

  /// Into the journal.
  public func record(_ order: PendingOrder, under claim: Claim) async throws(FleetError) -> Bool {
    guard let held = held(claim) else { return false }
    try doing { try store.recordOrder(held.lock, order) }
    return true
  }
}
