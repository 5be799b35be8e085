/// What has been used in the last minute, in slots of half a second. The slot that is being left behind counts as a whole, so
/// that no 60 seconds, wherever they begin, have more than the limit: at most 0.9 % less.
struct UsageWindow {
  /// The length of a slot, in milliseconds.
  static let slotMilliseconds: UInt64 = 500
  /// A minute, and the slot that it begins in.
  static let slotCount = 121

  private var slots: [Int]
  /// The slot of the latest time, counted from the epoch.
  private var head: UInt64 = 0
  /// All slots together.
  private(set) var sum = 0

  init() { slots = Array(repeating: 0, count: Self.slotCount) }

  /// Moves on to a time, in milliseconds since the epoch. One that is earlier than the last is taken for it; far earlier
  /// means that the clock has been set, and the whole window begins there.
  mutating func advance(to now: UInt64) {
    let slot = now / Self.slotMilliseconds
    if slot <= head {
      if head - slot > UInt64(Self.slotCount) {
        let all = sum
        clear()
        head = slot
        add(all)
      }
      return
    }
    if slot - head >= UInt64(Self.slotCount) {
      clear()
    } else {
      for passed in (head + 1)...slot {
        let place = Int(passed % UInt64(Self.slotCount))
        sum -= slots[place]
        slots[place] = 0
      }
    }
    head = slot
  }

  private mutating func clear() {
    for place in slots.indices { slots[place] = 0 }
    sum = 0
  }

  /// Counts something in the present slot, which it returns.
  @discardableResult
  mutating func add(_ amount: Int) -> UInt64 {
    slots[Int(head % UInt64(Self.slotCount))] += amount
    sum += amount
    return head
  }

  /// Changes what was counted in a slot; nothing when it has been left behind.
  mutating func change(_ slot: UInt64, by amount: Int) {
    guard slot <= head, head - slot < UInt64(Self.slotCount) else { return }
    let place = Int(slot % UInt64(Self.slotCount))
    let changed = max(0, slots[place] + amount)
    sum += changed - slots[place]
    slots[place] = changed
  }

  /// How long until at least `amount` of it has been left behind, in milliseconds from `now`.
  func untilFree(_ amount: Int, now: UInt64) -> UInt64 {
    guard amount > 0, sum > 0 else { return 0 }
    var freed = 0
    for age in stride(from: UInt64(Self.slotCount - 1), through: 0, by: -1) where age <= head {
      freed += slots[Int((head - age) % UInt64(Self.slotCount))]
      guard freed >= amount || age == 0 else { continue }
      let end = (head - age + UInt64(Self.slotCount)) * Self.slotMilliseconds
      return end > now ? end - now : 1
    }
    return UInt64(Self.slotCount) * Self.slotMilliseconds
  }

  /// What is in each slot that has something, the oldest first.
  var contents: [(slot: UInt64, amount: Int)] {
    (0..<UInt64(Self.slotCount)).reversed().compactMap { age in
      guard age <= head else { return nil }
      let amount = slots[Int((head - age) % UInt64(Self.slotCount))]
      return amount > 0 ? (head - age, amount) : nil
    }
  }

  /// Takes over what another one had, at a time.
  mutating func restore(_ contents: [(slot: UInt64, amount: Int)], now: UInt64) {
    advance(to: now)
    for (slot, amount) in contents where amount > 0 && slot <= head { change(slot, by: amount) }
  }
}
