/// Where keys fall among the backends of a service: made once of their names and weights, and shared by all workers. When
/// backends come or go few keys fall elsewhere, and the order in which they are written does not matter.
@safe public final class KeyTable: @unchecked Sendable {
  /// What a key falls on.
  public struct Member: Sendable, Equatable {
    /// A hash of its name, the same on every machine.
    public var name: UInt64
    /// Its share; what lies outside `Balancer.weights` is taken for the nearest.
    public var weight: Int
    /// One of a name's hash.
    public init(name: UInt64, weight: Int = 1) {
      self.name = name
      self.weight = weight
    }
  }

  /// How the table is made.
  public enum Form: Sendable, Equatable {
    /// Points on a ring, `KeyTable.pointsOfMember` of each of equal weight (ketama).
    case ring
    /// `KeyTable.maglevSize` places that all take in turn (Eisenbud and others, "Maglev", §3.4).
    case maglev
  }

  /// Places of a Maglev table: a prime, more than sixty for each of as many backends as there may be.
  public static let maglevSize = 65_537
  /// Points on the ring of one backend of average weight.
  public static let pointsOfMember = 160
  /// How much of its share one may have of what is under way before others get its keys, in percent.
  public static let defaultBalanceFactor = 125
  /// The greatest factor, in percent.
  public static let mostBalanceFactor = 10_000

  /// What it was made of.
  public let form: Form
  /// What it was made of, in the order of the backends.
  public let members: [Member]
  /// How many positions there are; 0 without members.
  let count: Int
  private let places: UnsafeMutablePointer<UInt16>
  /// The points in order; none of a Maglev table.
  private let points: UnsafeMutablePointer<UInt64>?

  /// A table. What lies beyond `Balancer.maximumBackends` is not looked at.
  public init(_ form: Form, _ members: [Member]) {
    self.form = form
    self.members = members
    let known = Array(members.prefix(Balancer.maximumBackends))
    switch form {
    case .ring:
      let ring = Self.ring(known)
      count = ring.count
      let points = UnsafeMutablePointer<UInt64>.allocate(capacity: max(1, count))
      unsafe places = UnsafeMutablePointer<UInt16>.allocate(capacity: max(1, count))
      for (position, point) in ring.enumerated() {
        unsafe (points + position).initialize(to: point.hash)
        unsafe (places + position).initialize(to: point.member)
      }
      unsafe self.points = unsafe points
    case .maglev:
      let table = Self.maglev(known)
      count = table.count
      unsafe places = UnsafeMutablePointer<UInt16>.allocate(capacity: max(1, count))
      for (position, member) in table.enumerated() { unsafe (places + position).initialize(to: member) }
      unsafe points = nil
    }
  }

  deinit {
    unsafe places.deallocate()
    unsafe points?.deallocate()
  }

  /// Where a key falls. There must be a member.
  func position(of key: UInt64) -> Int {
    let hash = Rendezvous.mix(key &+ 0x9E37_79B9_7F4A_7C15)
    guard let points = unsafe points else {
      return Int(truncatingIfNeeded: hash.multipliedFullWidth(by: UInt64(count)).high)
    }
    // The first point at or behind it, round the end.
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if unsafe points[middle] < hash { low = middle + 1 } else { high = middle }
    }
    return low == count ? 0 : low
  }

  /// Whose a position is.
  func backend(at position: Int) -> Int { unsafe Int(places[position]) }

  // MARK: Making it

  private static func weight(_ member: Member) -> Int {
    min(max(member.weight, Balancer.weights.lowerBound), Balancer.weights.upperBound)
  }

  private static func ring(_ members: [Member]) -> [(hash: UInt64, member: UInt16)] {
    let total = members.reduce(0) { $0 + weight($1) }
    var ring: [(hash: UInt64, member: UInt16)] = []
    for (place, member) in members.enumerated() {
      // A point does not depend on how many there are: with more of them the first ones stay where they are.
      let points = max(1, (pointsOfMember * members.count * weight(member) + total / 2) / total)
      for point in 0..<points {
        ring.append((Rendezvous.rank(UInt64(point), member.name), UInt16(truncatingIfNeeded: place)))
      }
    }
    return ring.sorted { a, b in
      a.hash == b.hash ? members[Int(a.member)].name < members[Int(b.member)].name : a.hash < b.hash
    }
  }

  private static func maglev(_ members: [Member]) -> [UInt16] {
    guard !members.isEmpty else { return [] }
    let size = UInt64(maglevSize)
    let order = members.indices.sorted { members[$0].name < members[$1].name }
    let heaviest = members.map(weight).max() ?? 1
    var next = order.map { Rendezvous.rank(1, members[$0].name) % size }
    let steps = order.map { Rendezvous.rank(2, members[$0].name) % (size - 1) + 1 }
    var credits = Array(repeating: 0, count: order.count)
    let none = UInt16.max
    var table = Array(repeating: none, count: maglevSize)
    var left = maglevSize
    while true {
      for (turn, member) in order.enumerated() {
        // The heaviest has every turn, others as many as their weight says.
        credits[turn] += weight(members[member])
        guard credits[turn] >= heaviest else { continue }
        credits[turn] -= heaviest
        while table[Int(next[turn])] != none { next[turn] = (next[turn] + steps[turn]) % size }
        table[Int(next[turn])] = UInt16(truncatingIfNeeded: member)
        left -= 1
        if left == 0 { return table }
      }
    }
  }
}
