// Fleet: several nodes with one truth, in an etcd of their own.
//
// It does not obtain certificates, listen, or stand on the way of a request. It promises that what is served goes on while
// etcd is away; that one node at a time renews a certificate, and that what it publishes without the right to is nowhere;
// that no generation is followed by an older one; that nothing secret reaches etcd unsealed.

public import Bytes
public import CertStore
public import Etcd
internal import JSON
internal import PKI
internal import Synchronization

/// One node of a fleet: a lease at etcd, a copy of what stands there, and what this node says of itself.
public actor FleetNode {
  /// Who and where.
  public struct Settings: Sendable {
    /// This node's name; no two nodes have the same.
    public var node: String
    /// Where everything stands.
    public var space: Space
    /// What secrets are sealed with.
    public var seal: SealKeys
    /// Which certd it is.
    public var version: String
    /// Whether it serves: a command that renews does not.
    public var isServing: Bool
    /// Whether it takes configurations that are pushed.
    public var follows = false

    /// Settings.
    public init(node: String, space: Space, seal: SealKeys, version: String, isServing: Bool = true) {
      (self.node, self.space, self.seal, self.version) = (node, space, seal, version)
      self.isServing = isServing
    }
  }

  /// Time, chance, and who hears of what.
  public struct Surroundings: Sendable {
    /// The wall clock.
    public var now: @Sendable () -> UnixTime
    /// A clock that never goes back, in milliseconds.
    public var monotonic: @Sendable () -> UInt64
    /// Waits so many seconds.
    public var sleep: @Sendable (Double) async throws -> Void
    /// At least 0 and less than 1.
    public var random: @Sendable () -> Double
    /// Hears of what has happened.
    public var tell: @Sendable (News) -> Void

    /// Surroundings.
    public init(
      now: @escaping @Sendable () -> UnixTime, monotonic: @escaping @Sendable () -> UInt64,
      sleep: @escaping @Sendable (Double) async throws -> Void, random: @escaping @Sendable () -> Double,
      tell: @escaping @Sendable (News) -> Void
    ) {
      (self.now, self.monotonic, self.sleep, self.random) = (now, monotonic, sleep, random)
      self.tell = tell
    }
  }

  /// Something that has happened.
  public enum News: Sendable, Equatable {
    /// The node is part of the fleet, and has what it has.
    case joined(nodes: Int)
    /// Etcd cannot be reached: what is served goes on.
    case lost(String)
    /// Certificates of other nodes have come into the store.
    case certificates([LineageName])
    /// Another node has given up what this one wanted to renew.
    case released
    /// Keys of session tickets, and since when they are.
    case tickets([UInt8], rotatedAt: UnixTime)
    /// Another node has changed a file that all have.
    case file(String, [UInt8])
    /// A configuration that was pushed, and what is to be done with it.
    case configuration(ConfigurationTurn, [UInt8])
    /// Every live node has proven what this one has published.
    case servedEverywhere(LineageName, generation: Int, nodes: Int, milliseconds: UInt64)
    /// Something went wrong that stops nothing.
    case problem(String)
  }

  /// What a configuration wants of a certificate.
  public struct Wanted: Sendable {
    /// Whether the fleet renews it.
    public var isShared: Bool
    /// What is done here when another node has renewed it.
    public var deploys: [DeployAction]

    /// A wish.
    public init(isShared: Bool, deploys: [DeployAction]) {
      (self.isShared, self.deploys) = (isShared, deploys)
    }
  }

  /// How long etcd waits for a node that is silent before others take over from it, in seconds.
  public static let leaseSeconds: Int64 = 10
  /// How far this machine's clock may be off etcd's before it renews nothing, in seconds.
  public static let maximumClockOffsetSeconds: Int64 = 300
  /// The lease of the ledger's entries, in seconds: half of it is longer than CAs look back.
  public static let ledgerSeconds: Int64 = 16 * 86_400
  /// How long other nodes may take to show the answer to a challenge, in milliseconds; then it is gone on without them.
  public static let challengeMilliseconds: UInt64 = 5_000
  /// How long a claim waits for everything that was written before it, in milliseconds.
  static let claimMilliseconds: UInt64 = 10_000

  /// How often a watch may fail in a row before etcd counts as away.
  static let watchFailures = 3

  let settings: Settings
  let client: EtcdClient
  let store: CertStore
  let world: Surroundings
  /// Tells this process from another that has the same name.
  let instance = Hex.encode(Random.bytes(8))
  /// What happened here and is not at etcd yet.
  let unwritten = Mutex<[LedgerEntry]>([])

  var wanted: [LineageName: Wanted] = [:]
  var lease: Int64 = 0
  /// Until when the lease holds for certain, by the monotonic clock.
  var leaseEnds: UInt64 = 0
  var isRegistered = false
  var isJoined = false
  var whyAway: String?
  /// Leases for what ends by itself, by the seconds that they last.
  var longLeases: [Int64: (id: Int64, until: UInt64)] = [:]
  var ledgerCount = 0
  /// The revision up to which everything has been taken up.
  var revision: Int64 = 0
  var mirror = Mirror()
  /// Generations that are not in the store yet, because somebody works on that certificate.
  var pending: [LineageName: SharedGeneration] = [:]
  var claims: [LineageName: Claim] = [:]
  /// What others were renewing when this node wanted to.
  var missed: Set<LineageName> = []
  /// The leaves that this node presents, by name.
  var serving: [String: String] = [:]
  /// What it has said last of all that it serves.
  var saidServes: [UInt8] = []
  var isSaying = false
  /// Keys to be written with the node's lease.
  var outbox: [String: [UInt8]] = [:]
  /// What this node has proven, to be written for as long as anybody may wait for it.
  var proofs: [String: [UInt8]] = [:]
  var isFlushing = false
  var isOffering = false
  /// Answers that were copied down, by their key.
  var shown: [String: SharedAnswer] = [:]
  var told: Set<String> = []
  var work: [Task<Void, Never>] = []

  /// A node; it does nothing before `start`.
  public init(_ settings: Settings, client: EtcdClient, store: CertStore, world: Surroundings) {
    (self.settings, self.client, self.store, self.world) = (settings, client, store, world)
  }

  /// What the configuration wants, now and after each reload.
  public func want(_ wanted: [LineageName: Wanted]) { self.wanted = wanted }

  /// Joins, and goes on trying until it is stopped.
  public func start() {
    guard work.isEmpty else { return }
    work = [Task { await self.run() }, Task { await self.keepLease() }]
  }

  /// Leaves: other nodes need not wait for the lease to end.
  public func stop() async {
    for task in work { task.cancel() }
    work = []
    let lease = lease
    (self.lease, leaseEnds, isRegistered, isJoined) = (0, 0, false, false)
    if lease != 0 { try? await client.revoke(lease) }
  }

  /// Whether the lease holds.
  var isLive: Bool { isRegistered && world.monotonic() < leaseEnds }

  var etcd: EtcdStore {
    EtcdStore(client, settings.space, settings.seal, holder: settings.node, lease: lease)
  }

  // MARK: The session

  private func run() async {
    var pause = 0.5
    while !Task.isCancelled {
      do throws(EtcdError) {
        try await register()
        pause = 0.5
        try await follow()
      } catch {
        isJoined = false
        if whyAway == nil, !Task.isCancelled { world.tell(.lost(error.description)) }
        whyAway = error.description
      }
      // Nodes that have lost the same member do not come back at the same moment.
      try? await world.sleep(pause * (0.5 + world.random()))
      pause = min(pause * 2, 5)
    }
  }

  /// Gets a lease and says who is there. Throws while another process has the name.
  private func register() async throws(EtcdError) {
    if lease == 0 || world.monotonic() >= leaseEnds {
      let asked = world.monotonic()
      lease = try await client.grant(seconds: Self.leaseSeconds)
      leaseEnds = asked + UInt64(Self.leaseSeconds) * 1000
      isRegistered = false
    }
    guard !isRegistered else { return }
    let key = settings.space.node(settings.node)
    let record: JSONValue = [
      "version": .string(settings.version), "instance": .string(instance),
      "since": .string(world.now().description), "serves": .bool(settings.isServing),
      "follows": .bool(settings.follows),
    ]
    let result = try await client.commit(
      Transaction(
        if: [.created(key, 0)], then: [.put(key, Array(record.text.utf8), lease: lease)], else: [.get(key)]))
    if !result.succeeded, result.found.first?.lease != lease {
      throw .refused(code: 6, "another certd is called \(settings.node), or was until seconds ago")
    }
    isRegistered = true
    saidServes = []
    // What is shown here stands at a revision that was said with another lease.
    outbox[settings.space.seen(settings.node)] = Array("\(revision)".utf8)
    flushSoon()
  }

  private func keepLease() async {
    while !Task.isCancelled {
      try? await world.sleep(Double(Self.leaseSeconds) / 3)
      retryPending()
      guard lease != 0, isRegistered else { continue }
      let (asked, id) = (world.monotonic(), lease)
      do throws(EtcdError) {
        let left = try await client.keepAlive(id)
        guard id == lease else { continue }
        if left > 0 { leaseEnds = asked + UInt64(left) * 1000 } else { loseLease() }
      } catch {
        if world.monotonic() >= leaseEnds { loseLease() }
      }
      flushLedgerSoon()
      flushSoon()
    }
  }

  /// The lease is over: so is every claim, and others may have them.
  private func loseLease() {
    (lease, leaseEnds, isRegistered) = (0, 0, false)
    claims = [:]
  }

  /// Takes up what has changed since it was here last, or everything; and then what changes. Returns when everything has
  /// to be read again.
  private func follow() async throws(EtcdError) {
    if revision == 0 { try await readAll() }
    var hasToldJoined = false
    var failures = 0
    while !Task.isCancelled, isRegistered {
      let watched = revision
      for await message in client.watch(prefix: settings.space.root, from: watched + 1) {
        switch message {
        case .began(let now):
          failures = 0
          // Etcd was restored from a copy that is older than what was seen.
          guard now >= watched else { return revision = 0 }
          if !hasToldJoined { joined() }
          hasToldJoined = true
        // Progress: everything up to there has been told.
        case .changes(let changes, let revision) where changes.isEmpty:
          self.revision = max(self.revision, revision)
        case .changes(let changes, _):
          await take(changes, upTo: changes.map(\.keyValue.modRevision).max() ?? 0)
        case .compacted: return revision = 0
        case .ended(nil): break
        case .ended(let error?):
          // Another member may carry it on.
          failures += 1
          guard failures < Self.watchFailures, isLive else { throw error }
          try? await world.sleep(0.2)
        }
        if !isRegistered { break }
      }
    }
  }

  private func readAll() async throws(EtcdError) {
    let (all, revision) = try await client.list(prefix: settings.space.root)
    mirror = Mirror()
    let keys = Set(all.map(\.key))
    for key in shown.keys where !keys.contains(key) { withdrawCopy(key) }
    self.revision = 0
    await take(all.map { Change($0) }, upTo: revision)
    await importLedger()
  }

  private func joined() {
    isJoined = true
    whyAway = nil
    world.tell(.joined(nodes: mirror.serving.count))
    sayServes()
    offerSoon()
    tellOfTurn()
  }

  // MARK: What this node writes

  /// Writes what waits, all of it together.
  func flushSoon() {
    guard !isFlushing, !outbox.isEmpty || !proofs.isEmpty else { return }
    isFlushing = true
    Task {
      try? await world.sleep(0.02)
      await flush()
      isFlushing = false
    }
  }

  private func flush() async {
    while !outbox.isEmpty || !proofs.isEmpty, isLive {
      let (part, proven) = (outbox, proofs)
      (outbox, proofs) = ([:], [:])
      do throws(EtcdError) {
        let lease = lease
        var puts = part.map { Transaction.Operation.put($0.key, $0.value, lease: lease) }
        if !proven.isEmpty {
          let short = try await longLease(seconds: Self.proofLeaseSeconds)
          puts += proven.map { .put($0.key, $0.value, lease: short) }
        }
        for start in stride(from: 0, to: puts.count, by: Transaction.maximumOperations) {
          let end = min(start + Transaction.maximumOperations, puts.count)
          _ = try await client.commit(Transaction(then: Array(puts[start..<end])))
        }
      } catch {
        // Newer words stand; the rest is said with the next lease or flush.
        outbox.merge(part) { newer, _ in newer }
        proofs.merge(proven) { newer, _ in newer }
        return
      }
    }
  }

  /// How long a proof stands at etcd at least, in seconds: half of its lease.
  static let proofLeaseSeconds: Int64 = 600

  /// A lease for what ends by itself, another one once half of its time is over.
  func longLease(seconds: Int64) async throws(EtcdError) -> Int64 {
    let now = world.monotonic()
    if let known = longLeases[seconds], now < known.until { return known.id }
    let id = try await client.grant(seconds: seconds)
    longLeases[seconds] = (id, now + UInt64(seconds) * 500)
    return id
  }

  /// Tells once of what goes wrong again and again.
  func tellOnce(_ problem: String) {
    guard told.count < 1000, told.insert(problem).inserted else { return }
    world.tell(.problem(problem))
  }
}
