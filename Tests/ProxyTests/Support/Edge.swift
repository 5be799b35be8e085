import TestPeers
import Exchange
import OS
import Proxy
import Synchronization
import TLS
import TestSupport
import Upstream

/// A proxy under test, with its listeners on free ports of the loopback addresses: plain HTTP first, then TLS.
final class Edge: Sendable {
  let proxy: EdgeProxy
  private let log: Log

  /// Runs a proxy while `body` runs, then stops it at once.
  static func serve(
    _ settings: Settings, workers: Int = 1, credentials: [Credential] = [],
    challenge: @escaping @Sendable (String) -> [UInt8]? = { _ in nil }, _ body: (Edge) async throws -> Void
  ) async throws {
    let log = Log()
    let edge = Edge(
      try EdgeProxy(
        workers: workers, settings: settings, credentials: credentials,
        tickets: TicketKeys { Array(repeating: 9, count: $0) }, challenge: challenge,
        report: { event in log.events.withLock { $0.append("\(event)") } }), log)
    do { try await body(edge) } catch {
      await edge.proxy.drain(milliseconds: 0)
      throw error
    }
    await edge.proxy.drain(milliseconds: 0)
  }

  private init(_ proxy: EdgeProxy, _ log: Log) {
    self.proxy = proxy
    self.log = log
  }

  /// What the proxy has reported.
  var reports: [String] { log.events.withLock { $0 } }

  /// A client on the plain listener, or on another one.
  func connect(_ listener: Int = 0, receiveBuffer: Int32? = nil) throws -> Wire {
    try Wire.connect(proxy.addresses[listener], receiveBuffer: receiveBuffer)
  }

  /// A client that has shaken hands on the TLS listener.
  func connectSecurely(
    _ host: String = "localhost", after preamble: [UInt8] = [], offering protocols: [String] = ["http/1.1"]
  ) throws -> Wire {
    let wire = try Wire.connect(proxy.addresses[1])
    wire.writeRaw(preamble)
    let context = try ClientContext(
      trust: try Certificates.authority.get().trust, applicationProtocols: protocols)
    guard wire.secure({ Session(client: context, host: host, pipe: $0) }) else { throw HandshakeFailed() }
    return wire
  }

  struct HandshakeFailed: Error {}

  private final class Log: Sendable {
    let events = Mutex<[String]>([])
  }
}

/// Certificates that the tests share.
enum Certificates {
  static let authority = Result { try TestAuthority() }
  static let localhost = Result { try authority.get().credential("localhost", "*.local.test") }
}

extension Settings {
  /// Every request to one service, with nothing added to it, so that what reaches a backend can be written down.
  static func bare(
    _ backends: Settings.Backend..., secure: Bool = false, _ edit: (inout Settings) -> Void = { _ in }
  )
    -> Settings
  {
    bare(backends, secure: secure, edit)
  }

  static func bare(
    _ backends: [Settings.Backend], secure: Bool = false, _ edit: (inout Settings) -> Void = { _ in }
  )
    -> Settings
  {
    var settings = Settings()
    settings.listeners = [.loopback(1, nil)]
    if secure { settings.listeners.append(.loopback(2, .compatible)) }
    settings.services = [.init(name: "s", backends: backends)]
    settings.services[0].rules.policy = .roundRobin
    settings.services[0].rules.outlierDetection = .off
    settings.routes = [.init(hosts: [], paths: [], service: 0)]
    settings.forwarding.xForwarded = false
    settings.forwarding.via = false
    edit(&settings)
    return settings
  }
}

extension Settings.Listener {
  /// On 127.0.0.n and a free port.
  static func loopback(_ n: Int, _ profile: Profile?, redirectPort: UInt16? = nil) -> Settings.Listener {
    .init(
      address: SocketAddress(host: "127.0.0.\(n)", port: 0) ?? SocketAddress(), profile: profile,
      redirectPort: redirectPort)
  }
}

extension Settings.Backend {
  /// A backend of a test.
  static func at(_ address: SocketAddress, health: BackendStatus.Health = .unknown) -> Settings.Backend {
    let status = BackendStatus(name: address.description)
    status.health = health
    return .init(key: address.description, address: address, status: status)
  }

  /// One that is spoken to with TLS, trusting the tests' authority.
  static func secure(_ address: SocketAddress, host: String, serverName: String? = nil) throws
    -> Settings.Backend
  {
    .init(
      key: address.description, address: address, tlsHost: host,
      trust: try Certificates.authority.get().trust, tlsServerName: serverName,
      status: BackendStatus(name: address.description))
  }

  /// An address of this machine where nobody listens.
  static func refusing() throws -> Settings.Backend {
    let socket = try ListeningSocket.open(SocketAddress(host: "127.0.0.1", port: 0) ?? SocketAddress())
    let address = try ListeningSocket.address(of: socket.number)
    // It stays bound, and listens no more: no other test may get the port.
    Sys.shutdown(socket.number)
    _ = socket.release()
    return .at(address)
  }
}

extension Backend {
  /// As a backend of a service.
  var target: Settings.Backend { .at(address) }
}
