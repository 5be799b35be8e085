/// The blocks used last, at most so many, found by their hash. Pure.
struct RecentBlocks {
  /// How many are remembered.
  private(set) var capacity: Int
  /// How many there are.
  private(set) var count = 0
  /// Places of blocks by hash, plus one: open addressing, at most half full.
  private var table: [UInt32] = []
  private var hashes: [UInt64] = []
  private var newer: [UInt32] = []
  private var older: [UInt32] = []
  private var newest = none
  private var oldest = none

  /// Makes the places of blocks in the table other ones than an outsider could guess.
  private let key: UInt64

  private static let none = UInt32.max
  /// Room that the first block makes; it doubles from there.
  private static let firstRoom = 64

  init(capacity: Int, key: UInt64) {
    self.capacity = max(1, capacity)
    self.key = key
  }

  /// Whether a block is remembered.
  func contains(_ hash: UInt64) -> Bool {
    guard count > 0 else { return false }
    return table[slot(of: hash)] != 0
  }

  /// A block has been used just now. What was used longest ago goes for it where there is no room.
  mutating func use(_ hash: UInt64) {
    if table.isEmpty { grow(to: min(Self.firstRoom, capacity)) }
    let found = table[slot(of: hash)]
    if found != 0 {
      unlink(found - 1)
      return pushNewest(found - 1)
    }
    let place: UInt32
    if count == capacity {
      place = oldest
      unlink(place)
      forget(hashes[Int(place)])
    } else {
      if count == hashes.count { grow(to: min(count * 2, capacity)) }
      place = UInt32(count)
      count += 1
    }
    hashes[Int(place)] = hash
    table[slot(of: hash)] = place + 1
    pushNewest(place)
  }

  /// A block has not been used after all.
  mutating func remove(_ hash: UInt64) {
    guard contains(hash) else { return }
    let place = table[slot(of: hash)] - 1
    unlink(place)
    forget(hash)
    let last = UInt32(count - 1)
    count -= 1
    guard place != last else { return }
    // The last one moves into the gap.
    let moved = hashes[Int(last)]
    table[slot(of: moved)] = place + 1
    hashes[Int(place)] = moved
    let (after, before) = (newer[Int(last)], older[Int(last)])
    newer[Int(place)] = after
    older[Int(place)] = before
    if after == Self.none { newest = place } else { older[Int(after)] = place }
    if before == Self.none { oldest = place } else { newer[Int(before)] = place }
  }

  /// All of them, those used last first.
  var remembered: [UInt64] {
    var found: [UInt64] = []
    var place = newest
    while place != Self.none {
      found.append(hashes[Int(place)])
      place = older[Int(place)]
    }
    return found
  }

  /// Nothing has been used.
  mutating func removeAll() { self = RecentBlocks(capacity: capacity, key: key) }

  /// Remembers another number of blocks from here on; the ones used last stay.
  mutating func resize(_ capacity: Int) {
    let capacity = max(1, capacity)
    guard capacity != self.capacity else { return }
    guard count > capacity else {
      self.capacity = capacity
      return
    }
    var kept: [UInt64] = []
    var place = newest
    while place != Self.none, kept.count < capacity {
      kept.append(hashes[Int(place)])
      place = older[Int(place)]
    }
    self = RecentBlocks(capacity: capacity, key: key)
    for hash in kept.reversed() { use(hash) }
  }

  // MARK: The order

  private mutating func unlink(_ place: UInt32) {
    let (after, before) = (newer[Int(place)], older[Int(place)])
    if after == Self.none { newest = before } else { older[Int(after)] = before }
    if before == Self.none { oldest = after } else { newer[Int(before)] = after }
  }

  private mutating func pushNewest(_ place: UInt32) {
    newer[Int(place)] = Self.none
    older[Int(place)] = newest
    if newest == Self.none { oldest = place } else { newer[Int(newest)] = place }
    newest = place
  }

  // MARK: The table

  /// Where a block stands in the table, or would.
  @inline(__always)
  private func slot(of hash: UInt64) -> Int {
    let mask = table.count - 1
    var at = home(hash)
    while table[at] != 0, hashes[Int(table[at] - 1)] != hash { at = (at + 1) & mask }
    return at
  }

  @inline(__always)
  private func home(_ hash: UInt64) -> Int {
    let (high, low) = (hash ^ key).multipliedFullWidth(by: key | 1)
    return Int(truncatingIfNeeded: high ^ low) & (table.count - 1)
  }

  /// Takes a block out of the table; those that stood behind it for its sake move up.
  private mutating func forget(_ hash: UInt64) {
    let mask = table.count - 1
    var hole = slot(of: hash)
    var at = (hole + 1) & mask
    while table[at] != 0 {
      let wanted = home(hashes[Int(table[at] - 1)])
      if (at - wanted) & mask >= (at - hole) & mask {
        table[hole] = table[at]
        hole = at
      }
      at = (at + 1) & mask
    }
    table[hole] = 0
  }

  private mutating func grow(to room: Int) {
    let more = room - hashes.count
    guard more > 0 else { return }
    hashes += Array(repeating: 0, count: more)
    newer += Array(repeating: Self.none, count: more)
    older += Array(repeating: Self.none, count: more)
    var size = 2
    while size < room * 2 { size *= 2 }
    table = Array(repeating: 0, count: size)
    for place in 0..<count { table[slot(of: hashes[place])] = UInt32(place) + 1 }
  }
}
