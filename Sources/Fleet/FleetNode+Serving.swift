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

  /// Says what this node presents now. What was proven of a leaf stays so.
  public func presents(_ all: [Presented]) {
    let names = Set(all.map(\.name))
    for name in serving.keys where !names.contains(name) { serving[name] = nil }
    for one in all where serving[one.name]?.leaf != one.leaf { say(one, isProven: false) }
    offerSoon()
  }

  /// Says that this node has shaken hands with itself and got it.
  public func proved(_ one: Presented) { say(one, isProven: true) }

  private func say(_ one: Presented, isProven: Bool) {
    guard let name = LineageName(one.name) else { return }
    let head = mirror.generations[name]
    let served = Served(
      generation: head?.leaf == one.leaf ? head?.number ?? 0 : 0, leaf: one.leaf, isProven: isProven)
    guard serving[one.name] != served else { return }
    serving[one.name] = served
    outbox[settings.space.served(settings.node, one.name)] = served.record
    flushSoon()
  }

  /// A renewal is done when every live node has proven its leaf.
  func seeWhetherDone(_ name: LineageName) {
    guard let one = published[name] else { return }
    let isDone = mirror.serving.allSatisfy { node in
      guard let served = mirror.served[node]?[name.description] else { return false }
      return served.leaf == one.leaf && served.isProven
    }
    guard isDone, !mirror.serving.isEmpty else { return }
    published[name] = nil
    world.tell(
      .servedEverywhere(
        name, generation: one.number, nodes: mirror.serving.count,
        milliseconds: world.monotonic() - one.at))
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

  /// Certificates that are told of at most.
  public static let maximumTold = 100

  /// Nodes, and what is not everywhere as it should be.
  public func status() -> JSONValue {
    var value: JSONValue = [
      "node": .string(settings.node), "connected": .bool(isJoined && isLive),
      "reason": whyAway.map { .string($0) } ?? .null, "revision": JSONValue(Int(clamping: revision)),
      "certificates": JSONValue(mirror.generations.count),
    ]
    if let off = client.clockOffset(now: world.now()) { value["clock_offset_seconds"] = JSONValue(Int(off)) }
    value["nodes"] = .array(
      mirror.nodes.sorted { $0.key < $1.key }.map { name, record in
        let served = mirror.served[name] ?? [:]
        let behind = mirror.generations.filter { served[$0.key.description]?.leaf != $0.value.leaf }
        return [
          "name": .string(name), "version": record["version"] ?? .null, "since": record["since"] ?? .null,
          "serves": JSONValue(served.count),
          "drift": JSONValue(behind.keys.sorted().prefix(Self.maximumTold).map(\.description)),
        ]
      })
    value["renewing"] = .object(
      mirror.elections.filter { $0.key != ".account" }.mapValues { .string($0) })
    return value
  }
}
