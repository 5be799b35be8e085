/// What the engine accepts from a CA, and how long it goes on within one run.
public struct Limits: Sendable, Equatable {
  /// The longest JSON body, in bytes.
  public var jsonBytes = 1 << 20
  /// The longest certificate chain, in bytes.
  public var chainBytes = 256 * 1024
  /// The most identifiers in one order, and so authorizations in one answer.
  public var authorizations = 100
  /// The most alternate chains looked at.
  public var alternateChains = 4
  /// The most reads of one object while it changes.
  public var polls = 120
  /// The longest time spent on one object's change, in seconds.
  public var pollSeconds: Int64 = 300
  /// The wait before the first read, in seconds: a CA that is quick needs no more.
  public var firstPollSeconds = 0.1
  /// The wait after that, in seconds; grows by half each time.
  public var secondPollSeconds = 0.3
  /// The longest such wait, in seconds, unless the CA asks for more.
  public var longestPollSeconds = 10.0
  /// The longest Retry-After that is waited for inside a call, in seconds; a longer one ends the call with an
  /// error that tells the time.
  public var patienceSeconds: Int64 = 120
  /// The wait before a challenge that the CA leaves open with an error is answered once more, in seconds.
  public var repetitionPauseSeconds = 5.0
  /// How long such a challenge may then go on having an error before that is the end, in seconds.
  public var repetitionSeconds: Int64 = 20
  /// How long a directory is believed, in seconds.
  public var directorySeconds: Int64 = 3600

  /// The defaults.
  public init() {}
}
