internal import Bytes
public import CertStore
internal import Etcd
internal import JSON
public import PKI
public import Renewal
internal import Synchronization

// One renewal for all: claims, orders and publications.
extension FleetNode: Companions {
  /// Why nothing may be renewed here now; nil when it may.
  private var objection: String? {
    guard isJoined, isLive else {
      return "this node has no lease of the fleet: \(whyAway ?? "it has not joined yet")"
    }
    if let off = client.clockOffset(now: world.now()), abs(off) > Self.maximumClockOffsetSeconds {
      return "this machine's clock is \(abs(off)) s \(off > 0 ? "ahead of" : "behind") etcd's; set it right"
    }
    return nil
  }

  /// By an election, which ends with this node's lease at the latest.
  public func claim(_ name: LineageName) async -> Claimed {
    guard wanted[name]?.isShared == true else { return .granted }
    if let objection { return .withheld(objection) }
    do {
      if mirror.accounts.isEmpty, let other = try await registrar() {
        missed.insert(name)
        return .withheld("\(other) registers the fleet's account")
      }
      switch try await etcd.claim(name) {
      case .held(let other):
        missed.insert(name)
        return .withheld("\(other) is renewing it")
      case .granted(let claim):
        claims[name] = claim
        if let why = await catchUp(claim) {
          await release(name)
          return .withheld(why)
        }
        return .granted
      }
    } catch { return .withheld("\(error)") }
  }

  /// Who registers the first account; nil when this node may.
  private func registrar() async throws -> String? {
    let key = settings.space.registration
    let result = try await client.commit(
      Transaction(
        if: [.created(key, 0)], then: [.put(key, Array(settings.node.utf8), lease: lease)], else: [.get(key)])
    )
    guard !result.succeeded, let found = result.found.first, found.lease != lease else { return nil }
    return String(decoding: found.value, as: UTF8.self)
  }

  /// Everything that was written before the claim comes into the store; why it cannot, or nil.
  private func catchUp(_ claim: Claim) async -> String? {
    let deadline = world.monotonic() + Self.claimMilliseconds
    while revision < claim.fence {
      guard world.monotonic() < deadline, isJoined else { return "this node is behind etcd; it waits" }
      try? await world.sleep(0.01)
    }
    guard await takePending(claim.name) else { return "another process is working on it" }
    guard let sealed = mirror.orders[claim.name] else { return nil }
    do {
      let order = try EtcdStore.order(sealed.value, sealed.key, settings.seal)
      guard let lock = try store.lock(claim.name) else { return "another process is working on it" }
      try store.recordOrder(lock, order)
    } catch { tellOnce("\(error)") }
    return nil
  }

  /// Other nodes may renew it.
  public func release(_ name: LineageName) async {
    missed.remove(name)
    guard let claim = claims.removeValue(forKey: name) else { return }
    await flushLedger()
    await etcd.release(claim)
    // An attempt that came to no account gives others their turn.
    if claims.isEmpty, mirror.elections[".account"] == settings.node {
      let key = settings.space.registration
      _ = try? await client.commit(Transaction(then: [.delete(key)]))
    }
  }

  /// With the accounts, so that whoever goes on with it can.
  public func record(_ order: PendingOrder, of name: LineageName) async throws {
    guard wanted[name]?.isShared == true else { return }
    guard let claim = claims[name], isLive else {
      throw FleetError.lost("the right to renew \(name) is lost")
    }
    await flushLedger()
    let more = order.url == nil ? [] : try accountsToShare()
    guard try await etcd.record(order, under: claim, with: more) else {
      claims[name] = nil
      throw FleetError.lost("another node has the right to renew \(name) by now")
    }
  }

  /// What this node knows of accounts and etcd does not.
  func accountsToShare() throws -> [Transaction.Operation] {
    var more: [Transaction.Operation] = []
    for account in try store.accounts(now: world.now()) {
      let key = settings.space.account(account.host, account.id)
      let plain = try account.shared()
      if let known = mirror.accounts[key], (try? settings.seal.open(known, at: key)) == plain { continue }
      more.append(.put(key, try settings.seal.seal(plain, at: key)))
    }
    if !more.isEmpty { more.append(.delete(settings.space.registration)) }
    return Array(more.prefix(Transaction.maximumOperations - 2))
  }

  /// Behind the generation that this node knows, while it has the right to.
  public func publish(
    _ name: LineageName, key: PrivateKey, chain: CertificateChain, meta: CertificateMeta
  ) async throws -> Int? {
    guard wanted[name]?.isShared == true else { return nil }
    let own = store.load(name, now: world.now())?.meta.fleetGeneration
    while true {
      guard let claim = claims[name], isLive else {
        throw FleetError.lost("\(name) is not published: the right to renew it is lost; its order is kept")
      }
      let previous = mirror.generations[name]?.number
      let generation = SharedGeneration(
        number: GenerationRule.next(own: own, shared: previous), key: key, chain: chain, meta: meta,
        node: settings.node, publishedAt: world.now())
      do throws(FleetError) {
        let at = world.monotonic()
        switch try await etcd.publish(generation, after: previous, under: claim) {
        case .published:
          mirror.generations[name] = .init(number: generation.number, leaf: generation.leafSHA256)
          awaitProofs(of: name, generation.number, generation.leafSHA256, since: at)
          return generation.number
        case .overtaken: throw FleetError.lost("another node has published \(name) meanwhile")
        case .lost:
          claims[name] = nil
          throw FleetError.lost("another node has the right to renew \(name) by now")
        }
      } catch {
        // Etcd may come back before the lease ends.
        guard case .store = error else { throw error }
        try? await world.sleep(0.5)
      }
    }
  }

  // MARK: The ledger

  /// Written with the next order, publication or beat of the lease.
  public nonisolated func note(_ entry: LedgerEntry) {
    unwritten.withLock { if $0.count < Self.maximumUnwritten { $0.append(entry) } }
  }

  /// Entries that wait at most while etcd is away.
  static let maximumUnwritten = 10_000

  func flushLedgerSoon() {
    guard unwritten.withLock({ !$0.isEmpty }) else { return }
    Task { await flushLedger() }
  }

  /// Has what has happened here count everywhere.
  func flushLedger() async {
    let entries = unwritten.withLock { all in
      defer { all = [] }
      return all
    }
    guard !entries.isEmpty else { return }
    do throws(EtcdError) {
      let lease = try await longLease(seconds: Self.ledgerSeconds)
      var left = entries[...]
      while !left.isEmpty {
        let part = left.prefix(Transaction.maximumOperations)
        let puts = part.map { entry -> Transaction.Operation in
          ledgerCount += 1
          let key = settings.space.ledger(settings.node, "\(entry.at.seconds)-\(instance)-\(ledgerCount)")
          return .put(key, entry.record, lease: lease)
        }
        _ = try await client.commit(Transaction(then: puts))
        left = left.dropFirst(part.count)
      }
    } catch { unwritten.withLock { $0 = entries + $0 } }
  }
}
