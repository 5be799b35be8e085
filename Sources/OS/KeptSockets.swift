import CLinux

/// Copies of the listening sockets of one listener: whoever comes after this process gets them, and with them the
/// connections that wait to be accepted.
public final class KeptSockets: Sendable {
  /// The address as it was asked for.
  public let name: String
  /// Their numbers; borrowed.
  public let descriptors: [Int32]

  /// Copies of these; what cannot be copied for want of descriptors is left out.
  public init(name: String, of descriptors: [Int32]) {
    self.name = name
    self.descriptors = descriptors.map { certd_fcntl($0, F_DUPFD_CLOEXEC, InheritedSockets.first) }.filter {
      $0 >= 0
    }
  }

  deinit { for descriptor in descriptors { Sys.close(descriptor) } }
}
