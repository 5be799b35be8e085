/// How long and how often a session tries, and what it accepts.
public struct Limits: Sendable, Equatable {
  /// One call from sending to complete response, in seconds.
  public var callSeconds = 30.0
  /// One call that waits for an operation; Google answers after about two minutes at the latest, in seconds.
  public var waitCallSeconds = 150.0
  /// The longest time spent on one operation, in seconds.
  public var operationSeconds = 600.0
  /// The longest time spent on the tries of one call, in seconds.
  public var retrySeconds = 120.0
  /// The longest time spent on the tries of one call while nobody can be reached at all, in seconds.
  public var unreachableSeconds = 6.0
  /// How long, after a call that reached nobody, others are made just once, in seconds.
  public var unreachableMemorySeconds = 10.0
  /// The longest time spent on a resource that another operation is busy with, in seconds.
  public var busySeconds = 300.0
  /// Tries of one call, the first included.
  public var tries = 8
  /// The first wait before another try, in seconds; doubles each time.
  public var firstWaitSeconds = 0.5
  /// The longest such wait of our own choice, in seconds.
  public var longestWaitSeconds = 20.0
  /// The longest Retry-After that is waited for, in seconds.
  public var patienceSeconds = 120.0
  /// Pages of one list.
  public var pages = 100
  /// Results asked for in one page; 500 is Compute's most.
  public var pageSize = 500
  /// Compute calls a second in the long run; the default quotas allow 20 and more.
  public var computeCallsPerSecond = 10.0
  /// Compute calls at once before that rate counts.
  public var computeBurst = 40.0
  /// Certificate Manager calls a second in the long run; Google allows 300 a minute.
  public var certificateManagerCallsPerSecond = 4.0
  /// Certificate Manager calls at once before that rate counts.
  public var certificateManagerBurst = 30.0

  /// The defaults.
  public init() {}
}
