/// In turn. With equal weights the turn is strict. With unequal ones the choices of a backend are spread evenly, and over
/// any number of them it is never more than a few away from its share.
enum RoundRobin {
  /// Whose turn it is.
  @inline(__always)
  static func turn<Of>(_ choice: Choice<Of>, _ cursor: Int) -> Int? {
    choice.isEven ? next(choice, from: cursor) : share(choice, cursor)
  }

  /// Where the cursor stands after a choice.
  @inline(__always)
  static func next<Of>(_ choice: Choice<Of>, _ cursor: Int, after chosen: Int) -> Int {
    choice.isEven ? chosen + 1 : cursor &+ 1
  }

  /// The first usable one at or after the cursor, round the end if need be.
  @inline(__always)
  private static func next<Of>(_ choice: Choice<Of>, from cursor: Int) -> Int? {
    let start = cursor >= choice.count || cursor < 0 ? 0 : cursor
    return choice.usable.first(from: start, below: choice.count) ?? choice.usable.first(from: 0, below: start)
  }

  /// The one on whose share of the circle the cursor falls. Steps of the golden ratio spread any run of
  /// numbers evenly, so that no state beside the cursor is needed and changes of health cost nothing.
  private static func share<Of>(_ choice: Choice<Of>, _ cursor: Int) -> Int? {
    let turn = UInt64(bitPattern: Int64(cursor)) &* 0x9E37_79B9_7F4A_7C15
    var place = turn.multipliedFullWidth(by: choice.totalWeight).high
    var last: Int?
    while let index = choice.usable.first(from: (last ?? -1) + 1, below: choice.count) {
      let own = choice.weight(index)
      if place < own { return index }
      place -= own
      last = index
    }
    return last
  }
}
