/// Passive health: what a backend's answers to real requests say of it, beside what checks say. Pure.
///
/// Failures are what a gateway would report: no connection, no response or a broken one, 502, 503, 504, and gRPC's
/// UNAVAILABLE; of model servers 500 too. Any other answer is a success: a model that refuses a prompt is in health.
public struct OutlierDetection: Sendable, Equatable, BitwiseCopyable {
  /// Failures in a row that eject a backend; 0 to eject none.
  public var consecutiveFailures = 5
  /// How long the first ejection lasts. Each further one lasts as much longer, until the backend
  /// has served well for a while.
  public var ejectionTime: Milliseconds = 30_000
  /// Whether 500 is a failure as well: a model server that answers it has not done what it is for.
  public var countsServerErrors = false
  /// At most this share of a service's backends is ejected at a time, in percent.
  public var maxEjectionPercent = 50

  /// An ejection never lasts longer than this, in milliseconds, unless the first one does.
  public static let maximumEjectionMilliseconds: UInt64 = 300_000

  /// Ejects nobody.
  public static let off = OutlierDetection(consecutiveFailures: 0)

  /// The defaults. Fields have the names of the keys under `services.*.outlier_detection`.
  public init() {}

  /// Ejects after so many failures in a row.
  public init(consecutiveFailures: Int) { self.consecutiveFailures = max(0, consecutiveFailures) }

  /// How long a backend is ejected that has failed for the last time; nil when it stays.
  /// `failures` in a row, `before`: its ejections so far, `ejected` of the service's `count` backends at present.
  public func ejection(failures: Int, before: Int, ejected: Int, count: Int) -> UInt64? {
    guard consecutiveFailures > 0, failures >= consecutiveFailures,
      (ejected + 1) * 100 <= count * maxEjectionPercent
    else { return nil }
    let times = UInt64(min(max(before, 0), 1000) + 1)
    let first = ejectionTime.count
    let (long, overflowed) = first.multipliedReportingOverflow(by: times)
    let longest = max(first, Self.maximumEjectionMilliseconds)
    return overflowed ? longest : min(long, longest)
  }
}
