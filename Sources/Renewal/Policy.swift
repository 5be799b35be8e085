public import Bytes

/// The numbers of the renewal policy (DESIGN §5). All durations are in seconds.
public struct Policy: Sendable {
  /// The regular time between two looks at the certificates.
  public static let wakeSeconds: Int64 = 600
  /// How far that time is moved at random, to either side.
  public static let wakeJitter = 0.2
  /// Certificates that live shorter are renewed at half their life, others when a third is left.
  public static let shortLifetimeSeconds: Int64 = 10 * 86_400
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

  /// When this program was built: a clock before it is wrong.
  public var builtAt: UnixTime
  /// The limits that each issuer has published, by the configuration's name.
  public var limits: [String: IssuerLimits]

  /// A policy.
  public init(builtAt: UnixTime, limits: [String: IssuerLimits] = [:]) {
    self.builtAt = builtAt
    self.limits = limits
  }

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

/// What a CA has published about how often it may be asked. Nil: no such limit.
public struct IssuerLimits: Sendable, Equatable {
  /// New orders of one account in three hours.
  public var ordersPerThreeHours: Int?
  /// Certificates for exactly the same names in seven days.
  public var duplicatesPerWeek: Int?
  /// Failed validations of one name in an hour.
  public var failuresPerNameAndHour: Int?

  /// Limits.
  public init(
    ordersPerThreeHours: Int? = nil, duplicatesPerWeek: Int? = nil, failuresPerNameAndHour: Int? = nil
  ) {
    self.ordersPerThreeHours = ordersPerThreeHours
    self.duplicatesPerWeek = duplicatesPerWeek
    self.failuresPerNameAndHour = failuresPerNameAndHour
  }

  /// The published limits of a CA by the host of its directory; none for hosts that are not known.
  public static func published(host: String) -> IssuerLimits {
    switch host {
    case "acme-v02.api.letsencrypt.org":
      IssuerLimits(ordersPerThreeHours: 300, duplicatesPerWeek: 5, failuresPerNameAndHour: 5)
    case "acme-staging-v02.api.letsencrypt.org":
      IssuerLimits(ordersPerThreeHours: 1500, duplicatesPerWeek: 30_000, failuresPerNameAndHour: 200)
    default: IssuerLimits()
    }
  }
}
