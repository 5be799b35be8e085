import CLinux
import TestPeers
import OS
import Proxy
import TLS
import TestSupport

/// A proxy that speaks HTTP/2 on both of its listeners, before `Origin`.
enum HTTP2Edge {
  /// Another server for the table of cases, `CERTD_TEST_H2_PEER=127.0.0.1:PORT`: the table itself can be tested so.
  static let peer: SocketAddress? = {
    guard let text = getenv("CERTD_TEST_H2_PEER").map({ String(cString: $0) }),
      let port = text.split(separator: ":").last.flatMap({ UInt16($0) })
    else { return nil }
    return SocketAddress(host: "127.0.0.1", port: port)
  }()

  /// Serves while `body` runs, by `Origin` where no script is given; every connection has ended afterwards.
  static func serve(
    _ script: Backend.Script? = nil, workers: Int = 1, _ edit: (inout Settings) -> Void = { _ in },
    _ body: (Edge) async throws -> Void
  ) async throws {
    let done = try Event()
    let backend = try Backend(script ?? Origin.serving(until: done))
    try await serve(settings(backend.target, edit), workers: workers, body)
    // More than ever wait.
    for _ in 0..<100 { done.signal() }
    _ = backend.finish()
  }

  static func serve(_ settings: Settings, workers: Int = 1, _ body: (Edge) async throws -> Void) async throws
  {
    try await Edge.serve(
      settings, workers: workers, credentials: [try Certificates.localhost.get()], body)
  }

  /// Plain on the first listener, TLS on the second.
  static func settings(_ backend: Settings.Backend, _ edit: (inout Settings) -> Void = { _ in }) -> Settings {
    .bare(backend, secure: true) { settings in
      settings.listeners[0].h2c = true
      settings.listeners[1].profile = .modern
      edit(&settings)
    }
  }
}

extension Edge {
  struct NoHTTP2: Error {}

  /// A connection by prior knowledge, not begun yet.
  func http2(receiveBuffer: Int32? = nil) throws -> HTTP2Connection {
    try HTTP2Connection(to: proxy.addresses[0], receiveBuffer: receiveBuffer)
  }

  /// A connection by ALPN, not begun yet.
  func http2Securely(_ host: String = "localhost") throws -> HTTP2Connection {
    let context = try ClientContext(
      trust: try Certificates.authority.get().trust, applicationProtocols: ["h2", "http/1.1"])
    guard let connection = try HTTP2Connection(to: proxy.addresses[1], context, host: host) else {
      throw NoHTTP2()
    }
    return connection
  }
}
