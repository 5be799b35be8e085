internal import CLinux

/// How much of a sweep is run: a fixed sample in `make test`, every point in `make test-all`.
public enum Tier {
  /// Every point.
  public static let isAll = getenv("CERTD_TEST_ALL") != nil

  /// The points of a sweep: all below a number, or each so manieth of them and the last one. Sweeps of one thing that
  /// differ in `shift` take different points.
  public static func points(_ count: Int, each step: Int, shift: Int = 0) -> [Int] {
    if isAll { return Array(0..<max(0, count)) }
    let some = Array(stride(from: shift % step, to: count, by: step))
    return count > 0 && some.last != count - 1 ? some + [count - 1] : some
  }

  /// How often something random is tried: as often as told, or each so manieth time.
  public static func rounds(_ count: Int, each step: Int) -> Int { isAll ? count : max(1, count / step) }
}
