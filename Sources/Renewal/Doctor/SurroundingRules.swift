public import Bytes

/// What the clock, the store and the limits mean for renewals.
public enum SurroundingRules {
  /// Off by more than this, in seconds, is worth a look.
  static let clockWarningSeconds: Int64 = 60
  /// Off by more than this, in seconds, certificates look expired or not yet valid.
  static let clockProblemSeconds: Int64 = 3600

  /// How our clock compares with a CA's; `offsetSeconds` is how far ours is ahead, nil when the CA told no time.
  public static func clock(_ issuer: String, offsetSeconds: Int64?) -> Finding {
    guard let offset = offsetSeconds else {
      return Finding(.warning, "clock", "\(issuer) told no time to compare ours with")
    }
    let off = offset.magnitude
    let what = "our clock is \(off) s \(offset > 0 ? "ahead of" : "behind") \(issuer)'s"
    let remedy = "set the clock, and keep it by NTP (timedatectl set-ntp true)"
    if off > clockProblemSeconds { return Finding(.problem, "clock", what, remedy: remedy) }
    if off > clockWarningSeconds { return Finding(.warning, "clock", what, remedy: remedy) }
    return Finding(.ok, "clock", off == 0 ? "agrees with \(issuer)'s" : what)
  }

  /// One file or directory of the store.
  public struct StoreEntry: Sendable, Equatable {
    /// Its path.
    public let path: String
    /// Its permission bits.
    public let mode: UInt32
    /// Its owner's number.
    public let user: UInt32
    /// Whether nobody but owner and group may read it, or nobody but the owner.
    public let isSecret: Bool

    /// An entry.
    public init(path: String, mode: UInt32, user: UInt32, isSecret: Bool) {
      self.path = path
      self.mode = mode
      self.user = user
      self.isSecret = isSecret
    }
  }

  /// What the owners and permissions of the store mean; `user` is who we are.
  public static func store(_ root: String, _ entries: [StoreEntry], user: UInt32) -> [Finding] {
    guard !entries.isEmpty else {
      return [Finding(.ok, "store", "\(root) is not there yet; the first certificate makes it")]
    }
    var findings: [Finding] = []
    for entry in entries {
      if entry.user != user, user != 0 {
        findings.append(
          Finding(
            .problem, "store", "\(entry.path) belongs to user \(entry.user), and this is user \(user)",
            remedy: "run certd as the user that owns the store, or: chown -R \(user) \(root)"))
      }
      let open = entry.mode & (entry.isSecret ? 0o037 : 0o022)
      guard open != 0 else { continue }
      let what = entry.isSecret ? "others may read or change it" : "others may change it"
      let octal = String(entry.mode, radix: 8)
      findings.append(
        Finding(
          .problem, "store", "\(entry.path) has mode \(octal): \(what)",
          remedy: "chmod \(entry.isSecret ? "go-rwx" : "go-w") \(entry.path)"
            + (entry.isSecret
              ? ", and consider its key as known to others (certd revoke --reason key-compromise)" : "")))
    }
    return findings.isEmpty
      ? [
        Finding(.ok, "store", "\(root): \(entries.count) files and directories have the right owner and mode")
      ] : findings
  }

  /// Less room than this, in bytes, and a renewal may fail.
  static let leastFreeBytes: UInt64 = 16 << 20
  /// Less room than this, in bytes, is worth a look.
  static let littleFreeBytes: UInt64 = 128 << 20

  /// What the room left means.
  public static func space(_ root: String, freeBytes: UInt64) -> Finding {
    let what = "\(freeBytes >> 20) MiB are free at \(root)"
    let remedy = "make room: a renewal that cannot be stored is not asked for"
    if freeBytes < leastFreeBytes { return Finding(.problem, "store", what, remedy: remedy) }
    return Finding(
      freeBytes < littleFreeBytes ? .warning : .ok, "store", what,
      remedy: freeBytes < littleFreeBytes ? remedy : nil)
  }

  /// What the limits of an issuer still allow for these names.
  public static func limits(
    _ issuer: String, _ traits: IssuerTraits, _ history: History, _ identifiers: Set<String>, now: UnixTime
  ) -> [Finding] {
    guard !traits.limits.isEmpty else {
      return [Finding(.ok, "limits", "\(issuer) has published no limits that certd knows")]
    }
    let rule = LimitRule(traits, history, now: now)
    return traits.limits.flatMap { limit in
      rule.usages(limit, identifiers).map { usage in
        let about = usage.about.isEmpty || limit.subject == .certificatesPerNameSet ? "" : " (\(usage.about))"
        let hours = limit.windowSeconds / 3600
        let window = hours % 24 == 0 ? "\(hours / 24) days" : hours == 1 ? "an hour" : "\(hours) hours"
        let what =
          "\(issuer): \(usage.moments.count) of \(limit.most) \(limit.subject.rawValue)\(about) in \(window)"
        let index = usage.moments.count - limit.most
        guard index >= 0, usage.moments.indices.contains(index) else { return Finding(.ok, "limits", what) }
        return Finding(
          .problem, "limits", what,
          remedy: "certd waits by itself until \(usage.moments[index] + limit.windowSeconds)")
      }
    }
  }
}
