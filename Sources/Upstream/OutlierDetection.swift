/// Passive health: what a backend's answers to real requests say of it, beside what checks say. Pure: it is given what
/// happened and when. The words are Envoy's.
public struct OutlierDetection: Sendable, Equatable, BitwiseCopyable {
  /// Why a backend is ejected.
  public enum Reason: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    /// Server errors in a row.
    case errors
    /// What a gateway would report, in a row.
    case gatewayErrors
    /// Fewer good answers than its service's other backends give.
    case successRate
    /// Slower answers than its service's other backends give.
    case latency
  }

  /// When a share of good answers stands out.
  public struct SuccessRate: Sendable, Equatable, BitwiseCopyable {
    /// Backends that must have had enough requests in an interval to be compared.
    public var minimumHosts = 5
    /// Requests of an interval from which on a backend is compared.
    public var requestVolume = 100
    /// How many standard deviations below the mean stand out, in thousandths.
    public var stdevFactor = 1900
    /// The defaults, Envoy's.
    public init() {}
  }

  /// When the time that answers take to begin stands out.
  public struct Latency: Sendable, Equatable, BitwiseCopyable {
    /// How many times the median of the others a backend's own median must be.
    public var factor = 3
    /// Backends that must have had enough requests in an interval to be compared.
    public var minimumHosts = 3
    /// Requests of an interval from which on a backend is compared.
    public var requestVolume = 20
    /// A median below this never stands out.
    public var minimum: Milliseconds = 100
    /// The defaults.
    public init() {}
  }

  /// Server errors in a row that eject a backend; 0 to eject none for them. Connections that fail are among them.
  public var consecutiveErrors = 0
  /// Failures in a row, as a gateway would report them, that eject a backend; 0 to eject none for them: no connection, no
  /// response or a broken one, 502, 503, 504, and gRPC's UNAVAILABLE.
  public var consecutiveGatewayErrors = 5
  /// How long answers are counted before backends are compared, and after how long without an ejection the next one is
  /// shorter by one base again.
  public var interval: Milliseconds = 10_000
  /// How long the first ejection lasts. Each further one lasts as much longer.
  public var baseEjectionTime: Milliseconds = 30_000
  /// No ejection lasts longer than this, unless the first one does.
  public var maxEjectionTime: Milliseconds = 300_000
  /// At most this share of a service's backends is ejected at a time, in percent.
  public var maxEjectionPercent = 50
  /// When a share of good answers stands out; nil for never.
  public var successRate: SuccessRate?
  /// When slow answers stand out; nil for never.
  public var latency: Latency?

  /// What `consecutiveErrors` is where backends are model servers: one that answers 500 has not done what it is for.
  public static let modelServerErrors = 5

  /// Ejects nobody.
  public static let off = OutlierDetection(consecutiveGatewayErrors: 0)

  /// The defaults. Fields have the names of the keys under `services.*.outlier_detection`.
  public init() {}

  /// Ejects after so many failures in a row that a gateway would report.
  public init(consecutiveGatewayErrors: Int) {
    self.consecutiveGatewayErrors = max(0, consecutiveGatewayErrors)
  }

  /// Whether anybody can be ejected.
  public var isOn: Bool { consecutiveErrors > 0 || consecutiveGatewayErrors > 0 || compares }

  /// Whether backends are compared with each other.
  public var compares: Bool { successRate != nil || latency != nil }

  /// Whether an answer's status is an error of the server's: 501 and 505 speak of the request.
  @inline(__always)
  public static func isError(status: Int) -> Bool { status >= 500 && status != 501 && status != 505 }

  /// Why a backend is to be ejected that has failed so often in a row; nil when it is not.
  public func reason(errors: Int, gatewayErrors: Int) -> Reason? {
    if consecutiveGatewayErrors > 0, gatewayErrors >= consecutiveGatewayErrors { return .gatewayErrors }
    if consecutiveErrors > 0, errors >= consecutiveErrors { return .errors }
    return nil
  }

  /// How many ejections still count of those so far: one fewer for each interval since the last one was over.
  public func ejectionsThatCount(_ ejections: Int, overMilliseconds over: UInt64, nowMilliseconds now: UInt64)
    -> Int
  {
    guard now > over else { return max(0, ejections) }
    let calm = (now - over) / max(1, interval.count)
    return calm >= UInt64(max(0, ejections)) ? 0 : ejections - Int(calm)
  }

  /// How long a backend is ejected that stands out; nil when it stays. `before`: its ejections that count, `ejected` of the
  /// service's `count` backends at present.
  public func ejection(before: Int, ejected: Int, count: Int) -> UInt64? {
    guard (ejected + 1) * 100 <= count * maxEjectionPercent else { return nil }
    let times = UInt64(min(max(before, 0), 1000) + 1)
    let first = baseEjectionTime.count
    let (long, overflowed) = first.multipliedReportingOverflow(by: times)
    let longest = max(first, maxEjectionTime.count)
    return overflowed ? longest : min(long, longest)
  }

  // MARK: Comparing

  /// What one backend did in an interval.
  public struct Interval: Sendable, Equatable {
    /// Requests that came to an end, be it that no connection came about.
    public var requests: Int
    /// Those of them that failed.
    public var errors: Int
    /// The median of how long answers took to begin, in microseconds; nil where too few were measured.
    public var median: UInt64?
    /// What it did.
    public init(requests: Int, errors: Int = 0, median: UInt64? = nil) {
      (self.requests, self.errors, self.median) = (requests, errors, median)
    }
  }

  /// Who stands out among the backends of a service after an interval, and why: the worst first.
  public func outliers(_ all: [Interval]) -> [(place: Int, reason: Reason)] {
    let bad = unreliable(all)
    return bad.map { ($0, .successRate) }
      + slow(all).filter { !bad.contains($0) }.map { ($0, .latency) }
  }

  private func unreliable(_ all: [Interval]) -> [Int] {
    guard let rule = successRate else { return [] }
    let compared = all.indices.filter { all[$0].requests >= max(1, rule.requestVolume) }
    guard compared.count >= max(1, rule.minimumHosts) else { return [] }
    func rate(_ place: Int) -> Double {
      let one = all[place]
      return 100 * Double(max(0, one.requests - one.errors)) / Double(one.requests)
    }
    let count = Double(compared.count)
    let mean = compared.reduce(0) { $0 + rate($1) } / count
    let variance = compared.reduce(0) { $0 + (rate($1) - mean) * (rate($1) - mean) } / count
    let least = mean - variance.squareRoot() * Double(rule.stdevFactor) / 1000
    return compared.filter { rate($0) < least }.sorted { rate($0) < rate($1) }
  }

  private func slow(_ all: [Interval]) -> [Int] {
    guard let rule = latency else { return [] }
    let compared = all.indices.filter {
      all[$0].median != nil && all[$0].requests >= max(1, rule.requestVolume)
    }
    guard compared.count >= max(2, rule.minimumHosts) else { return [] }
    func median(_ place: Int) -> UInt64 { all[place].median ?? 0 }
    return compared.filter { place in
      let others = compared.filter { $0 != place }.map(median).sorted()
      let usual = others[others.count / 2]
      let (limit, overflowed) = max(1, usual).multipliedReportingOverflow(by: UInt64(max(1, rule.factor)))
      return !overflowed && median(place) > limit && median(place) >= rule.minimum.count * 1000
    }
    .sorted { median($0) > median($1) }
  }
}
