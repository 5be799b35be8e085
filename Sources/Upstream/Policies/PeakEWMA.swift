/// The one of two drawn by weight where the answer is to be expected sooner: how long answers took of late, times what is
/// under way (Finagle's Peak EWMA). A slow answer counts at once, quick ones only by and by.
enum PeakEWMA {
  static func pick<Of>(_ choice: Choice<Of>, _ chance: inout Chance) -> Int? {
    guard let (first, second) = choice.drawTwo(&chance) else { return nil }
    return cost(choice, second) < cost(choice, first) ? second : first
  }

  /// What is under way counts for its weight beside the average: idle ones differ by their answers alone, and are drawn by
  /// weight already.
  private static func cost<Of>(_ choice: Choice<Of>, _ index: Int) -> Double {
    let average = Double(choice.totalWeight) / Double(choice.usable.count)
    let load = Double(choice.load(index)) * average / Double(choice.weight(index))
    return (Double(choice.all.latency(index)) + 1) * (load + 1)
  }
}
