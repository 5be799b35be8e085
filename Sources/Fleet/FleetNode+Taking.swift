internal import Bytes
internal import CertStore
internal import Etcd
internal import JSON
internal import OS
internal import PKI

// What others have written comes into the mirror, the store and the challenge board.
extension FleetNode {
  /// Takes changes up, in their order.
  func take(_ changes: [Change], upTo revision: Int64) async {
    var generations: [(LineageName, SharedGeneration)] = []
    var hasAnswers = false
    for change in changes {
      let (key, value) = (change.keyValue.key, change.keyValue.value)
      switch settings.space.kind(of: key) {
      case .certificate(let name):
        mirror.generations[name] = change.isGone ? nil : SharedGeneration.Head(record: value)
        if !change.isGone, let generation = opened(change.keyValue) { generations.append((name, generation)) }
      case .order(let name): mirror.orders[name] = change.isGone ? nil : change.keyValue
      case .election(let name): electionChanged(name, change)
      case .challenge:
        hasAnswers = hasAnswers || !change.isGone
        challengeChanged(change)
      case .node(let name):
        mirror.nodes[name] = change.isGone ? nil : try? JSONValue(parsing: value)
      case .ledger(let node) where !change.isGone && node != settings.node:
        mirror.ledger.append((node, value))
      case .account: accountChanged(change)
      case .file(let name): fileChanged(name, change)
      case .tickets: ticketsChanged(change)
      case .configuration(let number): mirror.configurations[number] = change.isGone ? nil : change.keyValue
      case .turn: turnChanged(change)
      case .ledger, .other: break
      }
    }
    await apply(generations)
    if isJoined { await importLedger() }
    self.revision = max(self.revision, revision)
    if !generations.isEmpty { sayServes() }
    if hasAnswers {
      outbox[settings.space.seen(settings.node)] = Array("\(self.revision)".utf8)
      flushSoon()
    }
  }

  private func opened(_ keyValue: KeyValue) -> SharedGeneration? {
    do throws(PKIError) {
      return try SharedGeneration(record: keyValue.value, at: keyValue.key, settings.seal)
    } catch {
      tellOnce(error.description)
      return nil
    }
  }

  private func electionChanged(_ name: String, _ change: Change) {
    guard change.isGone else {
      mirror.elections[name] = String(decoding: change.keyValue.value, as: UTF8.self)
      return
    }
    mirror.elections[name] = nil
    if name == ".account" || LineageName(name).map({ missed.remove($0) != nil }) == true {
      world.tell(.released)
    }
  }

  private func accountChanged(_ change: Change) {
    let (key, value) = (change.keyValue.key, change.keyValue.value)
    guard !change.isGone else { return mirror.accounts[key] = nil }
    mirror.accounts[key] = value
    do { try store.adoptAccount(try settings.seal.open(value, at: key)) } catch { tellOnce("\(error)") }
  }

  private func ticketsChanged(_ change: Change) {
    mirror.ticketsRevision = change.isGone ? 0 : change.keyValue.modRevision
    guard !change.isGone else { return }
    do throws(PKIError) {
      let plain = try settings.seal.open(change.keyValue.value, at: change.keyValue.key)
      guard let value = try? JSONValue(parsing: plain),
        let keys = value["keys"]?.string.flatMap({ Hex.decode($0) }), let at = value["rotated_at"]?.int
      else { throw PKIError(what: change.keyValue.key, reason: "no keys of tickets") }
      world.tell(.tickets(keys, rotatedAt: UnixTime(seconds: at)))
    } catch { tellOnce(error.description) }
  }

  // MARK: Certificates

  /// Stores what is newer than what is served, each checked as if it had been obtained here.
  private func apply(_ generations: [(LineageName, SharedGeneration)]) async {
    guard !generations.isEmpty else { return }
    let (store, wanted, now) = (store, wanted, world.now())
    let outcomes = try? await OwnThread.run {
      generations.map { name, generation in
        (name, generation, Self.store(generation, name, store, wanted[name]?.deploys ?? [], now))
      }
    }
    var news: [LineageName] = []
    for (name, generation, outcome) in outcomes ?? [] {
      pending[name] = nil
      switch outcome {
      case .stored: news.append(name)
      case .same: break
      case .busy: pending[name] = generation
      case .older:
        tellOnce("\(name): what etcd has is older than what this node serves, which goes on and is offered")
        offerSoon()
      case .failed(let why): tellOnce("\(name): generation \(generation.number) is not taken: \(why)")
      }
    }
    if !news.isEmpty { world.tell(.certificates(news)) }
  }

  private enum Outcome: Sendable { case stored, same, busy, older, failed(String) }

  private static func store(
    _ generation: SharedGeneration, _ name: LineageName, _ store: CertStore, _ deploys: [DeployAction],
    _ now: UnixTime
  ) -> Outcome {
    do {
      guard let lock = try store.lock(name) else { return .busy }
      let own = try store.loadOrFail(lock, now: now)
      switch GenerationRule.judge(own: own.map { .init($0) }, shared: .init(generation)) {
      case .same: return .same
      case .keep: return .older
      case .take: break
      }
      let tasks = try deploys.enumerated().map { position, action in
        try DeployTask(
          name: name, leaf: generation.chain.leaf, action: action, domains: generation.meta.identifiers,
          now: now, position: position)
      }
      try store.publish(
        lock, key: generation.key, chain: generation.chain, meta: generation.meta, deploys: tasks, now: now)
      return .stored
    } catch { return .failed("\(error)") }
  }

  /// Somebody was working on these.
  func retryPending() {
    let again = pending.map { ($0.key, $0.value) }
    guard !again.isEmpty else { return }
    Task { await apply(again) }
  }

  /// Takes up what waits for a certificate, now; false when somebody works on it still.
  func takePending(_ name: LineageName) async -> Bool {
    guard let generation = pending[name] else { return true }
    await apply([(name, generation)])
    return pending[name] == nil
  }

  // MARK: The ledger

  /// What has happened elsewhere counts here, once.
  func importLedger() async {
    guard !mirror.ledger.isEmpty else { return }
    let fresh = mirror.ledger.map(\.record)
    mirror.ledger = []
    let (store, now) = (store, world.now())
    _ = try? await OwnThread.run {
      var known = Set(((try? store.ledger(now: now)) ?? []).map(\.record))
      for record in fresh {
        guard let entry = LedgerEntry(record: record), known.insert(entry.record).inserted else { continue }
        try? store.append(entry)
      }
    }
  }
}
