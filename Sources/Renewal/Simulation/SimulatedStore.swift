import Bytes
import CertStore
import PKI
import Synchronization

/// A certificate in a simulation: times and a number.
struct SimulatedCertificate: Issued, Equatable {
  let notBefore: UnixTime
  let notAfter: UnixTime
  let number: Int
  var certificateID: String? { "sim.\(number)" }
}

/// A store in memory. Each call may be the last one of the process, before its effect or after it; what was done before
/// stays.
final class SimulatedStore: RenewalStore {
  private struct Lineage {
    var held: HeldCertificate?
    var record: RenewalRecord?
    var order: PendingOrder?
    var generation = 0
    var isLocked = false
  }

  private struct State {
    var lineages: [LineageName: Lineage] = [:]
    var history: History
    /// Moments at which a certificate was published when the one before had expired already.
    var gaps = 0
  }

  private let world: SimulatedWorld
  private let state: Mutex<State>

  init(_ world: SimulatedWorld, issuers: [String: IssuerTraits]) {
    self.world = world
    state = Mutex(State(history: History([], issuers: issuers)))
  }

  /// Certificates that were not there when one was needed.
  var gaps: Int { state.withLock { $0.gaps } }
  /// Everything that is served.
  var held: [HeldCertificate] { state.withLock { $0.lineages.values.compactMap(\.held) } }

  /// The locks of a process that was killed are the kernel's to give back.
  func releaseLocks() {
    state.withLock { state in
      for name in state.lineages.keys where state.lineages[name]?.isLocked == true {
        state.lineages[name]?.isLocked = false
      }
    }
  }

  func history(issuers: [String: IssuerTraits], now: UnixTime) throws(StoreError) -> History {
    try step()
    return state.withLock { $0.history }
  }

  func held(_ name: LineageName, now: UnixTime) -> HeldCertificate? {
    state.withLock { $0.lineages[name]?.held }
  }

  func renewalRecord(_ name: LineageName) -> RenewalRecord? { state.withLock { $0.lineages[name]?.record } }

  func access(_ name: LineageName) throws(StoreError) -> (any LineageAccess)? {
    try step()
    let isFree = state.withLock { state in
      guard state.lineages[name, default: Lineage()].isLocked == false else { return false }
      state.lineages[name, default: Lineage()].isLocked = true
      return true
    }
    return isFree ? Access(store: self, name: name) : nil
  }

  func append(_ entry: LedgerEntry) throws(StoreError) {
    try step()
    state.withLock { $0.history.add(entry) }
    try step()
  }

  private func step() throws(StoreError) {
    do throws(SimulatedWorld.Killed) { try world.step() } catch { throw .invalid("killed") }
  }

  /// One certificate while it is locked.
  private final class Access: LineageAccess {
    let store: SimulatedStore
    let name: LineageName

    init(store: SimulatedStore, name: LineageName) {
      self.store = store
      self.name = name
    }

    deinit { store.state.withLock { [name] state in state.lineages[name]?.isLocked = false } }

    private func change(_ body: (inout Lineage) -> Void) throws(StoreError) {
      try store.step()
      store.state.withLock { state in body(&state.lineages[name, default: Lineage()]) }
      try store.step()
    }

    func pendingOrder(now: UnixTime) throws(StoreError) -> PendingOrder? {
      try store.step()
      return store.state.withLock { $0.lineages[name]?.order }
    }

    func recordOrder(_ order: PendingOrder) throws(StoreError) { try change { $0.order = order } }
    func clearOrder() { try? change { $0.order = nil } }
    func record(_ record: RenewalRecord) throws(StoreError) { try change { $0.record = record } }

    func publish(
      _ issued: any Issued, key: PrivateKey, meta: CertificateMeta, deploys: [DeployAction], now: UnixTime
    ) throws -> Int {
      let time = store.world.time
      try store.step()
      let generation = store.state.withLock { state in
        var lineage = state.lineages[name, default: Lineage()]
        if let before = lineage.held, before.notAfter < time { state.gaps += 1 }
        lineage.held = HeldCertificate(
          identifiers: Set(meta.identifiers), keyType: meta.keyType, issuer: meta.issuer,
          notBefore: issued.notBefore, notAfter: issued.notAfter, certificateID: issued.certificateID)
        lineage.generation += 1
        lineage.order = nil
        state.lineages[name] = lineage
        return lineage.generation
      }
      try store.step()
      return generation
    }
  }
}
