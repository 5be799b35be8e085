public import OS

/// Carries one message to a server and the answer back.
public protocol Transport: Sendable {
  /// Sends a datagram and waits for one from the same server that `accepts` takes, at most so long.
  func datagram(
    _ message: [UInt8], to server: SocketAddress, milliseconds: Int32,
    accepts: @escaping @Sendable ([UInt8]) -> Bool
  ) async throws -> [UInt8]

  /// The same by a connection.
  func stream(_ message: [UInt8], to server: SocketAddress, milliseconds: Int32) async throws -> [UInt8]
}

/// The network. Each exchange has a socket and a thread of its own, so that ports are random and nothing of the
/// cooperative pool waits.
public struct NetworkTransport: Transport {
  /// The network.
  public init() {}

  /// From a port that the system chooses; answers of anybody else are not received.
  public func datagram(
    _ message: [UInt8], to server: SocketAddress, milliseconds: Int32,
    accepts: @escaping @Sendable ([UInt8]) -> Bool
  ) async throws -> [UInt8] {
    try await OwnThread.run { () -> Result<[UInt8], SystemError> in
      Result { () throws(SystemError) in
        try MessageExchange.datagram(message, with: server, milliseconds: milliseconds, accepts: accepts)
      }
    }.get()
  }

  /// With the length before each message (RFC 1035 §4.2.2).
  public func stream(
    _ message: [UInt8], to server: SocketAddress, milliseconds: Int32
  ) async throws -> [UInt8] {
    try await OwnThread.run { () -> Result<[UInt8], SystemError> in
      Result { () throws(SystemError) in
        try MessageExchange.stream(message, with: server, milliseconds: milliseconds)
      }
    }.get()
  }
}
