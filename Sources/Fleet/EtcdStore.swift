public import CertStore
public import Etcd
import PKI

/// The store in common, in etcd: claims are keys that end with a node's lease, and their revisions are the fences.
public struct EtcdStore: SharedStore {
  let client: EtcdClient
  let space: Space
  let seal: SealKeys
  /// What a claim says of its holder.
  let holder: String
  let lease: Int64

  /// The store as one node has it for as long as its lease.
  public init(_ client: EtcdClient, _ space: Space, _ seal: SealKeys, holder: String, lease: Int64) {
    (self.client, self.space, self.seal, self.holder, self.lease) = (client, space, seal, holder, lease)
  }

  /// By a key that is made where there is none.
  public func claim(_ name: LineageName) async throws(FleetError) -> ClaimOutcome {
    let key = space.election(name)
    let result = try await commit(
      Transaction(
        if: [.created(key, 0)], then: [.put(key, Array(holder.utf8), lease: lease)], else: [.get(key)]))
    if result.succeeded { return .granted(Claim(name: name, fence: result.revision)) }
    guard let found = result.found.first else { return .held(by: "nobody") }
    // Ours, from a call whose answer was lost.
    if found.lease == lease { return .granted(Claim(name: name, fence: found.createRevision)) }
    return .held(by: String(decoding: found.value, as: UTF8.self))
  }

  /// Removes the key, unless another node has made it since.
  public func release(_ claim: Claim) async {
    let key = space.election(claim.name)
    _ = try? await commit(Transaction(if: [.created(key, claim.fence)], then: [.delete(key)]))
  }

  /// By a majority's word.
  public func newest(_ name: LineageName) async throws(FleetError) -> SharedGeneration? {
    try await stored(name)?.generation
  }

  /// In one transaction: the claim stands, and the generation before is the one that was read.
  public func publish(
    _ generation: SharedGeneration, after previous: Int?, under claim: Claim
  ) async throws(FleetError) -> Publication {
    let (key, election) = (space.certificate(claim.name), space.election(claim.name))
    let before = try await stored(claim.name)
    // An answer was lost.
    if let before, before.generation.number == generation.number,
      before.generation.leafSHA256 == generation.leafSHA256
    {
      return .published
    }
    guard before?.generation.number == previous, generation.number > previous ?? 0 else { return .overtaken }
    let record: [UInt8]
    do throws(PKIError) { record = try generation.record(at: key, seal) } catch {
      throw .damaged(error.description)
    }
    guard record.count <= KeyValue.maximumValueInBytes else {
      throw .damaged("\(claim.name): more than \(KeyValue.maximumValueInBytes) bytes")
    }
    let result = try await commit(
      Transaction(
        if: [.created(election, claim.fence), .modified(key, before?.revision ?? 0)],
        then: [.put(key, record), .delete(space.order(claim.name))], else: [.get(election)]))
    if result.succeeded { return .published }
    return result.found.first?.createRevision == claim.fence ? .overtaken : .lost
  }

  /// Opened.
  public func order(_ name: LineageName) async throws(FleetError) -> PendingOrder? {
    let key = space.order(name)
    guard let found = try await get(key) else { return nil }
    return try Self.order(found.value, key, seal)
  }

  static func order(_ sealed: [UInt8], _ key: String, _ seal: SealKeys) throws(FleetError) -> PendingOrder {
    do throws(PKIError) {
      guard let order = PendingOrder(record: try seal.open(sealed, at: key)) else {
        throw PKIError(what: key, reason: "it is no order")
      }
      return order
    } catch { throw .damaged(error.description) }
  }

  /// Sealed, with its key.
  public func record(_ order: PendingOrder, under claim: Claim) async throws(FleetError) -> Bool {
    try await record(order, under: claim, with: [])
  }

  func record(
    _ order: PendingOrder, under claim: Claim, with more: [Transaction.Operation]
  ) async throws(FleetError) -> Bool {
    let key = space.order(claim.name)
    let sealed: [UInt8]
    do { sealed = try seal.seal(try order.record(), at: key) } catch { throw .damaged("\(error)") }
    return try await commit(
      Transaction(
        if: [.created(space.election(claim.name), claim.fence)], then: [.put(key, sealed)] + more)
    ).succeeded
  }

  private func stored(
    _ name: LineageName
  ) async throws(FleetError) -> (generation: SharedGeneration, revision: Int64)? {
    let key = space.certificate(name)
    guard let found = try await get(key) else { return nil }
    do throws(PKIError) {
      return (try SharedGeneration(record: found.value, at: key, seal), found.modRevision)
    } catch { throw .damaged(error.description) }
  }

  private func get(_ key: String) async throws(FleetError) -> KeyValue? {
    do throws(EtcdError) { return try await client.get(key) } catch { throw .store(error.description) }
  }

  private func commit(_ transaction: Transaction) async throws(FleetError) -> TransactionResult {
    do throws(EtcdError) { return try await client.commit(transaction) } catch {
      throw .store(error.description)
    }
  }
}
