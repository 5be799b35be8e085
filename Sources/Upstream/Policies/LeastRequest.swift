/// The fewest exchanges under way for the weight, in turn among equals.
enum LeastRequest {
  /// The usable one with the least load for its weight, the first one met from `first` on among equals.
  @inline(__always)
  static func pick<Of>(_ choice: Choice<Of>, from first: Int) -> Int {
    var best = first
    var bestLoad = choice.load(first)
    var bestWeight = choice.weight(first)
    var (from, end) = (first + 1, choice.count)
    for _ in 0..<2 {
      while let index = choice.usable.first(from: from, below: end) {
        from = index + 1
        let (ownLoad, ownWeight) = (choice.load(index), choice.weight(index))
        // ownLoad / ownWeight < bestLoad / bestWeight, without a division.
        if ownLoad * bestWeight < bestLoad * ownWeight {
          (best, bestLoad, bestWeight) = (index, ownLoad, ownWeight)
        }
      }
      // Round the end.
      (from, end) = (0, first)
    }
    return best
  }
}
