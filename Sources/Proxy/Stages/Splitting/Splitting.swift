internal import EventLoop
internal import Exchange
internal import HTTP
internal import Upstream

/// Services that share a route's requests by weight: the route has a form for each, and one of them takes its place.
struct Splitting: Stage {
  @inline(__always)
  func admit(
    _ worker: Worker, _ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>,
    _ route: inout UnsafeMutablePointer<CompiledRoute>
  ) -> Bool {
    guard let actions = unsafe route.pointee.actions, let split = unsafe actions.pointee.split else {
      return false
    }
    unsafe route = unsafe worker.share(of: split, worker.addressHash(client), base)
    return false
  }
}

/// The forms of a route that is shared, and their weights.
@safe struct CompiledSplit: BitwiseCopyable {
  private let forms: UnsafeMutablePointer<CompiledRoute>
  private let weights: UnsafeMutablePointer<UInt64>
  private let count: Int
  private let total: UInt64
  /// What keeps requests together.
  fileprivate let source: KeySource

  /// Shares of services fall elsewhere than keys on backends.
  static let splitting: UInt64 = 0x5EED

  /// `form` makes the form of the route for a service.
  init(_ route: Settings.Route, _ arena: Arena, form: (Int) -> CompiledRoute) {
    count = route.split.count
    unsafe forms = unsafe arena.array(of: CompiledRoute.self, count: count)
    unsafe weights = unsafe arena.array(of: UInt64.self, count: count)
    for (place, target) in route.split.enumerated() {
      unsafe (forms + place).initialize(to: form(target.service))
      unsafe (weights + place).initialize(to: UInt64(max(1, target.weight)))
    }
    total = route.split.reduce(0) { $0 + UInt64(max(1, $1.weight)) }
    source = KeySource(route.splitKey, arena)
  }

  /// Who has the requests of a key: the same one always, and everywhere.
  fileprivate func form(of key: UInt64) -> UnsafeMutablePointer<CompiledRoute> {
    var place = Rendezvous.rank(key, Self.splitting).multipliedFullWidth(by: total).high
    for index in 0..<count - 1 {
      let own = unsafe weights[index]
      if place < own { return unsafe forms + index }
      place -= own
    }
    return unsafe forms + (count - 1)
  }
}

extension Worker {
  /// The form of a shared route that has the request on the desk: by what the head says of its key, else by the client's
  /// address.
  @inline(never)
  func share(of split: UnsafeMutablePointer<CompiledSplit>, _ address: UInt64, _ base: UnsafePointer<UInt8>)
    -> UnsafeMutablePointer<CompiledRoute>
  {
    let key = unsafe keyHash(split.pointee.source, base)
    return unsafe split.pointee.form(of: key == 0 ? address : key)
  }
}
