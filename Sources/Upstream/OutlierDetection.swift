/// Passive health: what a backend's answers to real requests say of it, beside what checks say. Pure.
///
/// Failures are what a gateway would report: no connection, no response or a broken one, 502, 503, 504, and gRPC's
/// UNAVAILABLE; of model servers 500 too. Any other answer is a success: a model that refuses a prompt is in health.
public struct OutlierDetection: Sendable, Equatable, BitwiseCopyable {
  /// Failures in a row that eject a backend; 0 to eject none.
  public var consecutiveFailures: Int
  /// How long the first ejection lasts, in milliseconds. Each further one lasts as much longer, until the backend
  /// has served well for a while.
  public var ejectionMilliseconds: UInt64
  /// Whether 500 is a failure as well: a model server that answers it has not done what it is for.
  public var countsServerErrors: Bool
  /// At most this share of a service's backends is ejected at a time, in percent.
  public var maximumEjectionPercent: Int

  /// An ejection never lasts longer than this, in milliseconds, unless the first one does.
  public static let maximumEjectionMilliseconds: UInt64 = 300_000

  /// A rule; off unless told otherwise.
  public init(
    consecutiveFailures: Int = 0, ejectionMilliseconds: UInt64 = 30_000, maximumEjectionPercent: Int = 50,
    countsServerErrors: Bool = false
  ) {
    self.countsServerErrors = countsServerErrors
    self.consecutiveFailures = max(0, consecutiveFailures)
    self.ejectionMilliseconds = ejectionMilliseconds
    self.maximumEjectionPercent = min(max(0, maximumEjectionPercent), 100)
  }

  /// How long a backend is ejected that has failed for the last time; nil when it stays.
  /// `failures` in a row, `before`: its ejections so far, `ejected` of the service's `count` backends at present.
  public func ejection(failures: Int, before: Int, ejected: Int, count: Int) -> UInt64? {
    guard consecutiveFailures > 0, failures >= consecutiveFailures,
      (ejected + 1) * 100 <= count * maximumEjectionPercent
    else { return nil }
    let times = UInt64(min(max(before, 0), 1000) + 1)
    let (long, overflowed) = ejectionMilliseconds.multipliedReportingOverflow(by: times)
    let longest = max(ejectionMilliseconds, Self.maximumEjectionMilliseconds)
    return overflowed ? longest : min(long, longest)
  }
}
