/// The one that the request's key falls on, unless it has more than its share of what is under way: then the next one behind
/// it that has not ("Consistent Hashing with Bounded Loads", Mirrokni and others).
enum BoundedHash {
  static func pick<Of>(_ choice: Choice<Of>) -> Int? {
    guard choice.totalWeight > 0, let table = unsafe choice.all.keyTable else {
      return choice.usable.first(from: 0, below: choice.count)
    }
    let factor = UInt64(min(max(choice.all.balanceFactor, 0), KeyTable.mostBalanceFactor))
    var total: UInt64 = 1
    var next = 0
    while factor > 0, let index = choice.usable.first(from: next, below: choice.count) {
      total += min(choice.load(index), 1 << 24)
      next = index + 1
    }
    return unsafe table._withUnsafeGuaranteedRef { table in
      var position = table.position(of: choice.all.key)
      var seen = choice.usable
      // Each one is asked once.
      for _ in 0..<table.count {
        let index = table.backend(at: position)
        position = position + 1 == table.count ? 0 : position + 1
        guard seen.contains(index) else { continue }
        if factor == 0 || hasRoom(choice, index, total, factor) { return index }
        seen.remove(index)
      }
      // Somebody always has room; one that the table does not know is better than none.
      return choice.usable.first(from: 0, below: choice.count)
    }
  }

  /// Whether one more leaves it within its share of all, times the factor, rounded up.
  private static func hasRoom<Of>(_ choice: Choice<Of>, _ index: Int, _ total: UInt64, _ factor: UInt64)
    -> Bool
  {
    let share = (total * factor).multipliedFullWidth(by: choice.weight(index))
    let (room, rest) = (choice.totalWeight * 100).dividingFullWidth(share)
    return min(choice.load(index), 1 << 24) < room + (rest > 0 ? 1 : 0)
  }
}
