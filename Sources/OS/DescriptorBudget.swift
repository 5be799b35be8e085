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
    /// Connections of clients.
    case clients
    /// Connections to backends.
    case backends
    /// Health checks, CAs, DNS, listeners.
    case controlPlane
  }

  /// Kept for the runtime, and as many again for the control plane.
  public static let reserve: Int32 = 64
  // Written once at the start, before other threads exist; without it everything is allowed.
  @usableFromInline nonisolated(unsafe) static var clientsEnd = Int32.max
  @usableFromInline nonisolated(unsafe) static var backendsEnd = Int32.max
  @usableFromInline nonisolated(unsafe) static var controlPlaneEnd = Int32.max
  nonisolated(unsafe) private static var inherited = rlimit()
  nonisolated(unsafe) private static var isSet = false

  /// The first number that is not in a share.
  @inlinable @inline(__always)
  static func end(_ share: Share) -> Int32 {
    switch share {
    case .clients: unsafe clientsEnd
    case .backends: unsafe backendsEnd
    case .controlPlane: unsafe controlPlaneEnd
    }
  }

  /// Raises the soft limit to the hard one and divides what there is. To be called once, first thing in the main thread.
  public static func claim() {
    var limit = rlimit()
    guard unsafe !isSet, unsafe certd_get_descriptor_limit(&limit) == 0 else { return }
    unsafe inherited = limit
    unsafe isSet = true
    // Further than this nobody's connections go, and the kernel's table must not grow with an absurd limit.
    let wanted = min(limit.rlim_max, rlim_t(maximum))
    if wanted > limit.rlim_cur {
      limit.rlim_cur = wanted
      _ = unsafe certd_set_descriptor_limit(&limit)
      _ = unsafe certd_get_descriptor_limit(&limit)
    }
    let count = Int32(clamping: limit.rlim_cur)
    unsafe (clientsEnd, backendsEnd, controlPlaneEnd) = shares(of: count)
    unsafe self.count = count
  }

  /// The most descriptors that are made use of.
  public static let maximum = 1 << 22
  /// How many there are; 0 before they are claimed.
  nonisolated(unsafe) public private(set) static var count: Int32 = 0

  /// Where the shares end, each including those before it. Small limits are divided in quarters.
  static func shares(of count: Int32) -> (clients: Int32, backends: Int32, controlPlane: Int32) {
    let kept = min(reserve, count / 4)
    let backends = count - 2 * kept
    return (backends - backends / 8, backends, count - kept)
  }

  /// How many clients may be connected at most: an eighth is kept for their backends, for whom idle clients make room
  /// beyond that.
  public static var clients: Int { unsafe count == 0 ? .max : Int(shares(of: count).clients) }

  /// Gives a child the limit that this process was started with: programs that use select(2) fail beyond 1024.
  static func restore(in child: pid_t) {
    guard unsafe isSet else { return }
    _ = unsafe certd_set_descriptor_limit_of(child, &inherited)
  }
}
