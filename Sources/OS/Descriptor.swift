import CLinux

/// Owns one file descriptor and closes it.
public struct Descriptor: ~Copyable, Sendable {
  /// The number; borrowed, never to be closed by the caller.
  public let number: Int32

  /// Takes over an open descriptor.
  public init(owning number: Int32) { self.number = number }

  deinit { Sys.close(number) }

  /// Gives the descriptor away: the caller closes it now.
  public consuming func release() -> Int32 {
    let number = number
    discard self
    return number
  }
}
