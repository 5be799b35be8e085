import DNS
import OS
import Synchronization

/// A network in memory: what each server answers by datagram and by connection.
final class FakeNetwork: Transport {
  typealias Server = @Sendable ([UInt8]) -> [UInt8]?
  private let datagrams: Mutex<[String: Server]>
  private let streams: Mutex<[String: Server]>
  private let asked = Mutex<[String]>([])

  init(datagrams: [String: Server] = [:], streams: [String: Server] = [:]) {
    self.datagrams = Mutex(datagrams)
    self.streams = Mutex(streams)
  }

  var questions: [String] { asked.withLock { $0 } }

  func datagram(
    _ message: [UInt8], to server: SocketAddress, milliseconds: Int32,
    accepts: @escaping @Sendable ([UInt8]) -> Bool
  ) async throws -> [UInt8] {
    asked.withLock { $0.append("udp \(server)") }
    guard let answer = datagrams.withLock({ $0[server.description] })?(message), accepts(answer) else {
      throw SystemError(call: "poll", code: 110, subject: server.description)
    }
    return answer
  }

  func stream(_ message: [UInt8], to server: SocketAddress, milliseconds: Int32) async throws -> [UInt8] {
    asked.withLock { $0.append("tcp \(server)") }
    guard let answer = streams.withLock({ $0[server.description] })?(message) else {
      throw SystemError(call: "poll", code: 110, subject: server.description)
    }
    return answer
  }
}

/// A server's address in tests.
func server(_ text: String = "192.0.2.1", port: UInt16 = 53) -> SocketAddress {
  SocketAddress(host: text, port: port) ?? SocketAddress()
}

/// Surroundings with the real network, or another.
func surroundings(_ transport: any Transport = NetworkTransport()) -> NameServers.Environment {
  NameServers.Environment(
    transport: transport, random: { .random(in: 0...UInt16.max) },
    sleep: { try await Task.sleep(for: .milliseconds(Int64(min($0, 0.05) * 1000))) })
}
