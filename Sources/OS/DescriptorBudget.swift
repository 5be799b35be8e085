internal import CLinux

/// Who may use how many descriptors.
///
/// The kernel gives the lowest free number, so that a socket's number tells how many are in use: one beyond its user's
/// share is closed again at once, and the call answers as if the process had none left. What is beyond all shares is for
/// the runtime, for files and for pipes, which must never lack one: libdispatch ends a process that cannot open its
/// files under `/proc`.
public enum DescriptorBudget {
  /// What a socket is for.
  public enum Share: Sendable {
    /// Clients and backends.
    case dataPlane
    /// Health checks, CAs, DNS, listeners.
    case controlPlane
  }

  /// Kept for the runtime, and as many again for the control plane.
  public static let reserve: Int32 = 64
  // Written once at the start, before other threads exist; without it everything is allowed.
  @usableFromInline nonisolated(unsafe) static var dataPlaneEnd = Int32.max
  @usableFromInline nonisolated(unsafe) static var controlPlaneEnd = Int32.max
  nonisolated(unsafe) private static var inherited = rlimit()
  nonisolated(unsafe) private static var isSet = false

  /// The first number that is not in a share.
  @inlinable @inline(__always)
  static func end(_ share: Share) -> Int32 { share == .dataPlane ? dataPlaneEnd : controlPlaneEnd }

  /// Raises the soft limit to the hard one and divides what there is. To be called once, first thing in the main thread.
  public static func claim() {
    var limit = rlimit()
    guard !isSet, certd_get_descriptor_limit(&limit) == 0 else { return }
    inherited = limit
    isSet = true
    // Further than this nobody's connections go, and the kernel's table must not grow with an absurd limit.
    let wanted = min(limit.rlim_max, rlim_t(maximum))
    if wanted > limit.rlim_cur {
      limit.rlim_cur = wanted
      _ = certd_set_descriptor_limit(&limit)
      _ = certd_get_descriptor_limit(&limit)
    }
    let count = Int32(clamping: limit.rlim_cur)
    let (data, control) = shares(of: count)
    (dataPlaneEnd, controlPlaneEnd) = (data, control)
    self.count = count
  }

  /// The most descriptors that are made use of.
  public static let maximum = 1 << 22
  /// How many there are; 0 before they are claimed.
  nonisolated(unsafe) public private(set) static var count: Int32 = 0

  /// Where the shares of the data plane and of the control plane end. Small limits are divided in quarters.
  static func shares(of count: Int32) -> (dataPlane: Int32, controlPlane: Int32) {
    let kept = min(reserve, count / 4)
    return (count - 2 * kept, count - kept)
  }

  /// How many clients may be connected at most, so that each finds a descriptor for its backend.
  public static var clients: Int { count == 0 ? .max : clients(of: count) }

  static func clients(of count: Int32) -> Int { max(1, Int(shares(of: count).dataPlane) / 2) }

  /// Gives a child the limit that this process was started with: programs that use select(2) fail beyond 1024.
  static func restore(in child: pid_t) {
    guard isSet else { return }
    _ = certd_set_descriptor_limit_of(child, &inherited)
  }
}
