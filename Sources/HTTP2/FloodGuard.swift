/// What a peer may do for free a number of times, and then only so often a second. Each has a counter of its own.
public enum Flood: UInt8, CaseIterable, Sendable, BitwiseCopyable {
  /// Streams opened and reset before they were answered (CVE-2023-44487).
  case rapidReset
  /// Streams that we have to reset because the peer breaks a rule on them (CVE-2025-8671).
  case madeReset
  /// CONTINUATION frames of one header section (CVE-2024-24549 and its kin).
  case continuation
  /// SETTINGS frames.
  case settings
  /// PING frames.
  case ping
  /// Frames that carry nothing: DATA and header fragments without a byte.
  case emptyFrame
  /// PRIORITY, WINDOW_UPDATE and unknown frames, which cost us work and the peer nothing.
  case control

  /// How many come free.
  public var burst: UInt32 {
    switch self {
    case .rapidReset: 400
    case .madeReset: 50
    case .continuation: 0
    case .settings: 64
    case .ping: 512
    case .emptyFrame: 128
    case .control: 4096
    }
  }

  /// How many a second are allowed on top.
  public var perSecond: UInt32 {
    switch self {
    case .rapidReset: 40
    case .madeReset: 5
    case .continuation: 0
    case .settings: 1
    case .ping: 64
    case .emptyFrame: 16
    case .control: 1024
    }
  }
}

/// One bucket: what has been spent, refilled by time.
struct FloodBucket: BitwiseCopyable {
  private var spent: UInt32 = 0
  private var sinceMilliseconds: UInt64 = 0

  /// Spends one; false when there is nothing left.
  mutating func spend(_ flood: Flood, now: UInt64) -> Bool {
    let refill = (now &- sinceMilliseconds) / 1000 &* UInt64(flood.perSecond)
    if refill > 0 {
      spent -= UInt32(min(UInt64(spent), refill))
      sinceMilliseconds = now
    }
    spent += 1
    return spent <= flood.burst
  }
}

/// The buckets of one connection.
struct FloodGuard: BitwiseCopyable {
  private var rapidReset = FloodBucket()
  private var madeReset = FloodBucket()
  private var settings = FloodBucket()
  private var ping = FloodBucket()
  private var emptyFrame = FloodBucket()
  private var control = FloodBucket()

  mutating func allows(_ flood: Flood, now: UInt64) -> Bool {
    switch flood {
    case .rapidReset: rapidReset.spend(flood, now: now)
    case .madeReset: madeReset.spend(flood, now: now)
    case .settings: settings.spend(flood, now: now)
    case .ping: ping.spend(flood, now: now)
    case .emptyFrame: emptyFrame.spend(flood, now: now)
    case .control: control.spend(flood, now: now)
    case .continuation: false
    }
  }
}
