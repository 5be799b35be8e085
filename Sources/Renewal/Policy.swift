public import Bytes

/// The numbers of the renewal policy (DESIGN §5). All durations are in seconds.
public struct Policy: Sendable {
  /// The regular time between two looks at the certificates.
  public static let wakeSeconds: Int64 = 600
  /// How far that time is moved at random, to either side.
  public static let wakeJitter = 0.2
  /// Certificates that live shorter are renewed at half their life, longer ones when a third is left.
  public static let shortLifetimeSeconds: Int64 = 10 * 86_400
  /// Certificates that live shorter than this are renewed when a third is left as well.
  public static let briefLifetimeSeconds: Int64 = 86_400
  /// The part of a lifetime that the time chosen from a CA's window may be ahead and still count as come.
  static let lookAheadDivisor: Int64 = 12
  /// How far before its issuance a CA may let a certificate begin: that part is no life.
  static let longestBackdatingSeconds: Int64 = 2 * 3600
  /// The waits after the first, second and third failure in a row.
  public static let firstBackoffSeconds: [Int64] = [60, 600, 6000]
  /// The longest wait after more failures than that.
  public static let longestBackoffSeconds: Int64 = 86_400
  /// After more failures, this part of the remaining life is waited for.
  public static let backoffDivisor: Int64 = 8
  /// The least wait after a failed validation: five an hour is what CAs allow.
  public static let validationBackoffSeconds: Int64 = 720
  /// The longest Retry-After that is believed.
  public static let longestRetryAfterSeconds: Int64 = 7 * 86_400
  /// How far our clock may be from the CA's before nothing is decided by it.
  public static let maximumClockOffsetSeconds: Int64 = 3600
  /// The part of the lifetime at which a CA's later wish is no longer waited for.
  public static let lastMomentDivisor: Int64 = 10

  /// The waits after the first failures in a row of a deployment, the last of them after all further ones.
  public static let deployBackoffSeconds: [Int64] = [60, 300, 900, 3600, 4 * 3600]
  /// How far such a wait is moved at random, to either side.
  public static let deployJitter = 0.1

  /// So many failures in a row of a CA, for whichever certificates, are not taken for an outage.
  static let toleratedOutageFailures = 3
  /// The first wait before a CA that is out is asked again, doubled by each failure.
  static let firstOutageWaitSeconds: Int64 = 60
  /// The longest such wait.
  static let longestOutageWaitSeconds: Int64 = 1800

  /// How long a CA is left alone after so many failures in a row.
  static func outageWaitSeconds(failures: Int) -> Int64 {
    guard failures > toleratedOutageFailures else { return 0 }
    let doublings = min(failures - toleratedOutageFailures - 1, 10)
    return min(longestOutageWaitSeconds, firstOutageWaitSeconds << doublings)
  }

  /// When this program was built: a clock before it is wrong.
  public var builtAt: UnixTime
  /// What is known of each issuer, by the configuration's name.
  public var issuers: [String: IssuerTraits]
  /// How often one certificate may be issued in a day by CAs that others run; more when its life is so short that
  /// renewing it in time takes more.
  public var issuancesPerDay: Int

  /// How many issuances a day are allowed unless told otherwise.
  public static let defaultIssuancesPerDay = 24
  /// Issuances that one lifetime has room for, however short it is.
  static let issuancesPerLifetime: Int64 = 4

  /// A policy.
  public init(
    builtAt: UnixTime, issuers: [String: IssuerTraits] = [:], issuancesPerDay: Int = defaultIssuancesPerDay
  ) {
    self.builtAt = builtAt
    self.issuers = issuers
    self.issuancesPerDay = issuancesPerDay
  }

  /// What is known of an issuer; its name stands for the CA when nothing is.
  public func traits(_ issuer: String) -> IssuerTraits { issuers[issuer] ?? IssuerTraits(authority: issuer) }

  /// How long to wait after so many failures of a deployment in a row; `random` is at least 0 and less than 1.
  public static func deployBackoff(failures: Int, random: Double) -> Int64 {
    let wait = deployBackoffSeconds[min(max(failures, 1), deployBackoffSeconds.count) - 1]
    let share = 1 - deployJitter + 2 * deployJitter * min(max(random, 0), 1)
    return Int64((Double(wait) * share).rounded())
  }

  /// How long to sleep until the next regular look; `random` is at least 0 and less than 1.
  public static func wakeInterval(random: Double) -> Int64 {
    let share = 1 - wakeJitter + 2 * wakeJitter * min(max(random, 0), 1)
    return Int64((Double(wakeSeconds) * share).rounded())
  }
}
