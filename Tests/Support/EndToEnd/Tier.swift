import CLinux

/// How much of a sweep is run: a fixed sample in `make test`, every point in `make test-all`.
public enum Tier {
  /// Every point.
  public static let isAll = getenv("CERTD_TEST_ALL") != nil
}
