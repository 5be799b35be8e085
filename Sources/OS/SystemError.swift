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

  /// Whether we were not allowed to.
  public var isPermission: Bool { code == EACCES || code == EPERM }

  /// Whether somebody else listens on the address.
  public var isAddressInUse: Bool { code == EADDRINUSE }
}
