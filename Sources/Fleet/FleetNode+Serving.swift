public import Bytes
internal import CertStore
internal import Etcd
public import JSON
internal import PKI

// What this node serves, what the others do, and what it offers them.
extension FleetNode {
  /// A certificate that this node presents.
  public struct Presented: Sendable {
    /// Its name.
    public var name: String
    /// The leaf's SHA-256 in hexadecimal.
    public var leaf: String

    /// A certificate.
    public init(name: String, leaf: String) { (self.name, self.leaf) = (name, leaf) }
  }

  /// Says what this node presents now.
  public func presents(_ all: [Presented]) {
    serving = Dictionary(all.map { ($0.name, $0.leaf) }, uniquingKeysWith: { first, _ in first })
    sayServes()
    offerSoon()
  }

  /// Says that this node has shaken hands with itself and got it.
  public func proved(_ one: Presented) {
    guard let name = LineageName(one.name) else { return }
    proofs[settings.space.proven(name, settings.node)] = Array(one.leaf.utf8)
    flushSoon()
  }

  /// What of the fleet this node does not serve as the fleet has it.
  private var serves: Serves {
    let behind = mirror.generations.filter { serving[$0.key.description] != $0.value.leaf }.keys
    return Serves(
      count: serving.count, behind: behind.sorted().prefix(Serves.maximumTold).map(\.description))
  }

  /// Says soon what it serves, once for all that changes until then.
  func sayServes() {
    guard settings.isServing, !isSaying else { return }
    isSaying = true
    Task {
      try? await world.sleep(Self.saySeconds)
      isSaying = false
      let record = serves.record
      guard isJoined, record != saidServes else { return }
      saidServes = record
      outbox[settings.space.serves(settings.node)] = record
      flushSoon()
    }
  }

  /// How long what a node serves may change until that is said, in seconds.
  static let saySeconds = 1.0
  /// How often other nodes' words are looked at while something waits for them, in seconds.
  static let askAgainSeconds = 0.05
  /// How long a publication waits for all nodes' proofs, in milliseconds.
  static let proofMilliseconds: UInt64 = 60_000

  /// A renewal is done when every live node has proven its leaf.
  func awaitProofs(of name: LineageName, _ number: Int, _ leaf: String, since: UInt64) {
    Task {
      var missing: [String] = []
      while world.monotonic() - since < Self.proofMilliseconds, isRegistered {
        missing = await unproven(name, leaf)
        if missing.isEmpty, !mirror.serving.isEmpty {
          return world.tell(
            .servedEverywhere(
              name, generation: number, nodes: mirror.serving.count, milliseconds: world.monotonic() - since))
        }
        guard mirror.generations[name]?.leaf == leaf else { return }
        let isYoung = world.monotonic() - since < 5_000
        try? await world.sleep(isYoung ? Self.askAgainSeconds : 1)
      }
      if !missing.isEmpty {
        world.tell(
          .problem("\(name): generation \(number) is not proven by \(missing.joined(separator: ", "))"))
      }
    }
  }

  private func unproven(_ name: LineageName, _ leaf: String) async -> [String] {
    guard let said = try? await client.list(prefix: settings.space.proven(name, "")).all else {
      return mirror.serving
    }
    let proven = said.filter { $0.value.elementsEqual(leaf.utf8) }.map(\.key)
    return mirror.serving.filter { !proven.contains(settings.space.proven(name, $0)) }
  }

  // MARK: Offering

  /// Looks soon whether this node has what the fleet has not.
  func offerSoon() {
    guard isJoined, !isOffering else { return }
    isOffering = true
    Task {
      await offer()
      isOffering = false
    }
  }

  /// Publishes what this node has and the fleet lacks, or has an older one of: what came before the fleet, what a
  /// command has obtained, what an etcd that was restored has forgotten.
  private func offer() async { for problem in await offerAll() { tellOnce(problem) } }

  /// Publishes all of it, and tells what could not be.
  public func offerAll() async -> [String] {
    var problems: [String] = []
    for name in wanted.filter(\.value.isShared).keys.sorted() where isJoined && isLive {
      guard let own = store.load(name, now: world.now()), claims[name] == nil else { continue }
      guard own.chain.leaf.notAfter > world.now() else { continue }
      let shared = mirror.generations[name]
      if let shared, shared.leaf == Hex.encode(own.chain.leaf.sha256) { continue }
      do {
        let known = try await etcd.newest(name)
        guard GenerationRule.offers(own: .init(own), shared: known.map { .init($0) }) else { continue }
        guard case .granted(let claim) = try await etcd.claim(name) else { continue }
        claims[name] = claim
        _ = try await publish(name, key: own.key, chain: own.chain, meta: own.meta)
        let accounts = try accountsToShare()
        if !accounts.isEmpty { _ = try await client.commit(Transaction(then: accounts)) }
        await release(name)
      } catch {
        await release(name)
        problems.append("\(name) is not offered to the fleet: \(error)")
      }
    }
    return problems
  }

  // MARK: Tickets

  /// Has all nodes use these keys of session tickets, unless another node was first.
  public func offer(tickets keys: [UInt8], rotatedAt: UnixTime) async {
    guard isJoined, isLive else { return }
    let key = settings.space.tickets
    let plain: JSONValue = ["keys": .string(Hex.encode(keys)), "rotated_at": .string("\(rotatedAt.seconds)")]
    guard let sealed = try? settings.seal.seal(Array(plain.text.utf8), at: key) else { return }
    _ = try? await client.commit(
      Transaction(if: [.modified(key, mirror.ticketsRevision)], then: [.put(key, sealed)]))
  }

  /// Whether the fleet has keys of session tickets, and this node is part of it.
  public var ticketsAreShared: Bool { isJoined && mirror.ticketsRevision > 0 }
  /// Whether it can be asked at all.
  public var isConnected: Bool { isJoined && isLive }

  /// Whether this node is the one of those that live which does what one of them has to do.
  public var isFirst: Bool { isConnected && mirror.serving.first == settings.node }

  // MARK: Status

  /// Nodes, and what is not everywhere as it should be.
  public func status() async -> JSONValue {
    var value: JSONValue = [
      "node": .string(settings.node), "connected": .bool(isConnected),
      "reason": whyAway.map { .string($0) } ?? .null, "revision": JSONValue(Int(clamping: revision)),
      "certificates": JSONValue(mirror.generations.count),
    ]
    if let off = client.clockOffset(now: world.now()) { value["clock_offset_seconds"] = JSONValue(Int(off)) }
    var said: [String: Serves] = [settings.node: serves]
    if isConnected {
      for one in (try? await client.list(prefix: settings.space.serves("")).all) ?? [] {
        said[String(one.key.dropFirst(settings.space.serves("").count))] = Serves(record: one.value)
      }
    }
    value["nodes"] = .array(
      mirror.nodes.sorted { $0.key < $1.key }.map { name, record in
        [
          "name": .string(name), "version": record["version"] ?? .null, "since": record["since"] ?? .null,
          "serves": JSONValue(said[name]?.count ?? 0), "drift": JSONValue(said[name]?.behind ?? []),
        ]
      })
    value["renewing"] = .object(
      mirror.elections.filter { $0.key != ".account" }.mapValues { .string($0) })
    return value
  }
}
