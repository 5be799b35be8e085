/// The shortest wait until the first token, as far as one can tell: what is in flight and what the engine does not know of
/// the prompt, by the rate at which it reads, and the requests that it has. Only an estimate in time keeps both, a prompt
/// where its beginning is cached and the load spread.
enum ModelAware {
  /// The usable one with the shortest wait for its weight. Among equals the one whose cache is used least, then the one that
  /// the beginning of the prompt falls on by rendezvous hashing, or the session where no prompt is known, then the first one
  /// met from `first` on.
  @inline(__always)
  static func pick<Of>(_ choice: Choice<Of>, from first: Int) -> Int {
    var best = first
    var bestWait = wait(choice, first)
    var bestWeight = choice.weight(first)
    var (from, end) = (first + 1, choice.count)
    for _ in 0..<2 {
      while let index = choice.usable.first(from: from, below: end) {
        from = index + 1
        let (ownWait, ownWeight) = (wait(choice, index), choice.weight(index))
        // ownWait / ownWeight < bestWait / bestWeight, without a division.
        let (own, other) = (ownWait * bestWeight, bestWait * ownWeight)
        if own < other || own == other && comesFirst(choice, index, before: best) {
          (best, bestWait, bestWeight) = (index, ownWait, ownWeight)
        }
      }
      // Round the end.
      (from, end) = (0, first)
    }
    return best
  }

  /// Times a weight it stays far below overflow.
  @inline(__always)
  private static func wait<Of>(_ choice: Choice<Of>, _ index: Int) -> UInt64 {
    min(choice.all.wait(index), 1 << 40)
  }

  private static func comesFirst<Of>(_ choice: Choice<Of>, _ index: Int, before other: Int) -> Bool {
    guard choice.all.hasPrompt else {
      return choice.all.key != 0 && choice.all.keyRank(index) > choice.all.keyRank(other)
    }
    let (own, others) = (choice.all.fill(index), choice.all.fill(other))
    return own == others ? choice.all.rank(index) > choice.all.rank(other) : own < others
  }
}
