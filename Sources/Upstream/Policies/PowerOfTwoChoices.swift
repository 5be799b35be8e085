/// The less busy one of two that are drawn by weight: nearly as even as the least busy of all, and no two that choose at the
/// same moment by the same numbers choose the same one (Mitzenmacher, "The Power of Two Choices").
enum PowerOfTwoChoices {
  static func pick<Of>(_ choice: Choice<Of>, _ chance: inout Chance) -> Int? {
    guard let (first, second) = choice.drawTwo(&chance) else { return nil }
    // load / weight, without a division.
    let (own, other) = (
      choice.load(first) * choice.weight(second), choice.load(second) * choice.weight(first)
    )
    return other < own ? second : first
  }
}
