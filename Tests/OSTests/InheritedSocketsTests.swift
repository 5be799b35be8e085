import CLinux
import TestRun
import Testing

@testable import OS

@Suite("Sockets that come with the process", .ownThread) struct InheritedSocketsTests {
  /// A listening socket, and the address that it is bound to.
  private static func socket() throws -> (descriptor: Int32, address: SocketAddress) {
    let any = try #require(SocketAddress(host: "127.0.0.1", port: 0))
    let socket = try ListeningSocket.open(any)
    let address = try ListeningSocket.address(of: socket.number)
    return (socket.release(), address)
  }

  @Test(
    "each worker has one, those that are more come in turn, and one that has none shares", arguments: 1...5)
  func shares(workers: Int) throws {
    let sockets = try (0..<3).map { _ in try Self.socket() }
    let inherited = InheritedSockets(sockets.map { ($0.descriptor, "127.0.0.1:0") })
    let asked = try #require(SocketAddress(host: "127.0.0.1", port: 0))
    let shares = try #require(inherited.take(asked, workers: workers))
    #expect(shares.count == workers && shares.allSatisfy { !$0.isEmpty })
    #expect(Set(sockets.map(\.descriptor)).isSubset(of: shares.joined()))
    #expect(Set(shares.joined()).count == max(3, workers) && inherited.isEmpty)
    for descriptor in shares.joined() { Sys.close(descriptor) }
  }

  @Test("what was not asked for by a name is found by the address that it is bound to, and nobody else's is")
  func addresses() throws {
    let (one, other) = (try Self.socket(), try Self.socket())
    let inherited = InheritedSockets([(one.descriptor, ""), (other.descriptor, "127.0.0.1:0")])
    #expect(inherited.take(other.address, workers: 1) == nil)
    #expect(inherited.take(one.address, workers: 1) == [[one.descriptor]])
    #expect(inherited.take(one.address, workers: 1) == nil)
    Sys.close(one.descriptor)
  }

  @Test("what does not listen is closed, and stops nothing")
  func others() throws {
    let first = Int32(Sys.socket(family: 2))
    // So high that no other test gets the number when it is free.
    let connected = certd_fcntl(first, F_DUPFD_CLOEXEC, 5000)
    Sys.close(first)
    let inherited = InheritedSockets([(connected, ""), (1 << 20, "")])
    #expect(inherited.isEmpty && Sys.socketError(connected) != 0)
  }
}
