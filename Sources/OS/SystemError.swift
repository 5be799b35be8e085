import CLinux

/// A failed system call: which one, on what, and why.
public struct SystemError: Error, Equatable, CustomStringConvertible {
  /// The call, for instance `rename`.
  public let call: String
  /// errno at its return.
  public let code: Int32
  /// What it was about, usually a path or an address; may be empty.
  public let subject: String

  /// Why, where the code does not tell; nil where it does.
  public let reason: String?

  /// A failure with a known code.
  public init(call: String, code: Int32, subject: String = "", reason: String? = nil) {
    self.reason = reason
    self.call = call
    self.code = code
    self.subject = subject
  }

  /// `/var/lib/certd/lock: flock: Permission denied`
  public var description: String {
    let reason = unsafe self.reason ?? String(cString: strerror(code))
    return subject.isEmpty ? "\(call): \(reason)" : "\(subject): \(call): \(reason)"
  }

  /// What to do about it, where the system's word does not say it; nil where that depends.
  public var remedy: String? {
    switch code {
    case ENOSPC, EDQUOT: "make room on its disk; what was there before is still there"
    case EROFS:
      "its file system is read-only: remount it for writing, or name the directory in ReadWritePaths of the unit"
    case EACCES,
      EPERM where subject.hasPrefix("/"):
      "run certd as the user that it belongs to, or give it to this one: chown"
    case EADDRINUSE: "another program listens there ('ss -ltnp' shows which): stop it, or choose another port"
    case EADDRNOTAVAIL: "this machine has no such address ('ip address' shows those that it has)"
    case EMFILE, ENFILE: "raise the limit of open files: ulimit -n, or LimitNOFILE of the unit"
    default: nil
    }
  }

  /// The description, with what to do about it.
  public var descriptionWithRemedy: String { remedy.map { "\(self); \($0)" } ?? description }

  /// Whether we were not allowed to.
  public var isPermission: Bool { code == EACCES || code == EPERM }

  /// Whether somebody else listens on the address.
  public var isAddressInUse: Bool { code == EADDRINUSE }
}
