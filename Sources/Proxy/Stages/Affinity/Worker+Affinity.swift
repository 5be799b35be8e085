internal import EventLoop
internal import Exchange
internal import HTTP
internal import Upstream

// Clients that stay at a backend: while it may get requests they go there, whatever the policy says.
extension Worker {
  private static let keyFields: [StaticString] = ["authorization", "x-api-key", "api-key"]

  /// A hash of what a request's head says of where it belongs; 0 where it says nothing.
  @inline(never)
  func affinityHash(
    _ affinity: CompiledAffinity, _ model: Ref<ModelRequest>, _ exchange: Ref<Exchange>,
    _ base: UnsafePointer<UInt8>
  ) -> UInt64 {
    switch affinity.source {
    case .cookie: return unsafe hash(of: .cookie, affinity.name, base)
    case .header: return unsafe hash(of: .header, affinity.name, base)
    case .address: return exchange.client.map { addressHash($0) } ?? 0
    case .key:
      if model.keyHash != 0 { return model.keyHash }
      return unsafe shownKeyHash(base)
    }
  }

  /// A hash of a key that the head on the desk shows to the backends; 0 where there is none.
  private func shownKeyHash(_ base: UnsafePointer<UInt8>) -> UInt64 {
    for name in Self.keyFields {
      for i in 0..<desk.fields.count {
        let line = unsafe desk.fields.lines[i]
        guard line.valueLength > 0, unsafe ASCII.same(base + Int(line.nameStart), Int(line.nameLength), name)
        else { continue }
        return unsafe Self.hash(base + Int(line.valueStart), Int(line.valueLength))
      }
    }
    return 0
  }

  /// The backend where a request belongs, as long as it may get requests.
  @inline(never)
  func keptPlace(
    _ exchange: Ref<Exchange>, _ service: UnsafeMutablePointer<ServiceEntry>,
    _ affinity: UnsafeMutablePointer<CompiledAffinity>, maximumRequests: Int = 0
  ) -> Int? {
    guard let key = exchange.model?.affinity, key != 0 else { return nil }
    let all = unsafe candidates(
      service, nil, sparing: nowMilliseconds, maximumRequests: maximumRequests)
    let isCookie = unsafe affinity.pointee.source == .cookie
    var best: (place: Int, rank: UInt64)?
    for place in 0..<all.count where !exchange.tried.contains(place) {
      if isCookie {
        guard unsafe affinity.pointee.hash(place) == key else { continue }
        return all.isUsable(place) ? place : nil
      }
      // Each client has an order of its own of all backends, and belongs to the first of them that is there.
      let name = unsafe service.pointee.pools[place]._withUnsafeGuaranteedRef { $0.nameHash }
      let rank = Rendezvous.rank(key, name)
      if rank > best?.rank ?? 0, all.isUsable(place) { best = (place, rank) }
    }
    return best?.place
  }

  /// Tells a client where it belongs from now on, if that is not what it has said.
  @inline(never)
  func writeAffinity(_ model: Ref<ModelRequest>, _ exchange: Ref<Exchange>, _ out: inout HeadWriter) {
    guard let service = unsafe exchange.service, let affinity = unsafe service.pointee.affinity,
      unsafe affinity.pointee.source == .cookie, let pool = unsafe exchange.backend?.pool
    else { return }
    let place = unsafe (0..<service.pointee.count).first {
      unsafe service.pointee.pools[$0].toOpaque() == pool.toOpaque()
    }
    guard let place, unsafe affinity.pointee.hash(place) != model.affinity else { return }
    let room = CompiledAffinity.tokenCharacters
    unsafe out.append(affinity.pointee.before.start, affinity.pointee.before.count)
    unsafe out.append(affinity.pointee.tokens + place * room, room)
    unsafe out.append(affinity.pointee.behind.start, affinity.pointee.behind.count)
  }
}
