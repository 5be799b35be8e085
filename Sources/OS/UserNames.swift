import CLinux

/// Names and numbers of users and groups, from the system's databases.
public enum UserNames {
  /// What a lookup needs at most, in bytes.
  private static let bufferBytes = 16 << 10

  /// A user's number by name or written as a number; nil when there is none.
  public static func user(_ text: String) -> UInt32? {
    if let number = UInt32(text), number != .max { return number }
    var entry = unsafe passwd()
    var found: UnsafeMutablePointer<passwd>?
    var buffer = [CChar](repeating: 0, count: bufferBytes)
    guard unsafe getpwnam_r(text, &entry, &buffer, buffer.count, &found) == 0, unsafe found != nil else {
      return nil
    }
    return unsafe entry.pw_uid
  }

  /// A group's number by name or written as a number; nil when there is none.
  public static func group(_ text: String) -> UInt32? {
    if let number = UInt32(text), number != .max { return number }
    var entry = unsafe CLinux.group()
    var found: UnsafeMutablePointer<CLinux.group>?
    var buffer = [CChar](repeating: 0, count: bufferBytes)
    guard unsafe getgrnam_r(text, &entry, &buffer, buffer.count, &found) == 0, unsafe found != nil else {
      return nil
    }
    return unsafe entry.gr_gid
  }
}
