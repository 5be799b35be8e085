import OS
import Synchronization

/// Ports for programs that must be told one in advance.
public enum FreePort {
  // Below the kernel's range for outgoing connections, which would take one between our look and its use.
  private static let range: ClosedRange<UInt16> = 12_000...31_999
  private static let given = Mutex<Set<UInt16>>([])

  /// One that nobody listens on, and that this process has not given out before.
  public static func take() throws -> UInt16 {
    for _ in 0..<1000 {
      let port = UInt16.random(in: range)
      guard given.withLock({ $0.insert(port).inserted }),
        let v4 = SocketAddress(host: "0.0.0.0", port: port),
        (try? ListeningSocket.open(v4, sharesPort: false)) != nil
      else { continue }
      return port
    }
    throw NeverHappened(what: "a free port")
  }
}
