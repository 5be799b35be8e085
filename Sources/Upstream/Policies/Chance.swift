/// Lots that are drawn from a number, which goes on to another one with each (SplitMix64). Not for secrets.
struct Chance {
  private var state: UInt64

  init(_ cursor: Int) { state = UInt64(bitPattern: Int64(cursor)) }

  /// What it goes on from.
  var cursor: Int { Int(truncatingIfNeeded: state) }

  /// A number below another, each as likely; 0 where there is none.
  mutating func below(_ end: UInt64) -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    return Rendezvous.mix(state).multipliedFullWidth(by: end).high
  }
}

extension Choice {
  /// One of those that are usable, each as likely as its weight says; nil when there is none.
  func draw(_ chance: inout Chance) -> Int? {
    guard totalWeight > 0 else { return nil }
    guard !isEven else { return usable.place(Int(chance.below(UInt64(usable.count)))) }
    var place = chance.below(totalWeight)
    var last: Int?
    while let index = usable.first(from: (last ?? -1) + 1, below: count) {
      let own = weight(index)
      if place < own { return index }
      place -= own
      last = index
    }
    return last
  }

  /// Two different ones of those that are usable, drawn by weight; the same one twice where there is but one.
  func drawTwo(_ chance: inout Chance) -> (Int, Int)? {
    guard let first = draw(&chance) else { return nil }
    var rest = self
    rest.leaveOut(first)
    return (first, rest.draw(&chance) ?? first)
  }
}
