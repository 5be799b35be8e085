internal import CLinux
package import OS
internal import Synchronization
package import TLS
internal import TestSupport

/// A server that plays a script on each connection and writes down byte for byte what reached it.
///
/// The n-th connection gets the n-th script, further ones the last. A script that returns without closing leaves
/// the connection open and reading until the peer closes.
package final class Backend: Sendable {
  package typealias Script = @Sendable (Wire) -> Void

  package let address: SocketAddress
  private let listener: Int32
  private let preamble: Int
  private let proceed: Event?
  private let stop: Event
  private let state = Mutex<(wires: [Wire], running: Int)>(([], 0))
  /// Signalled by each script's end.
  private let ended: Event
  private let acceptor = Mutex<Thread?>(nil)

  package convenience init(
    tls: Credential? = nil, preamble: Int = 0, after proceed: Event? = nil, _ scripts: Script...
  ) throws {
    try self.init(tls: tls, preamble: preamble, after: proceed, scripts: scripts)
  }

  /// `preamble` bytes are read before TLS begins, which also waits for `after`.
  package init(
    tls: Credential? = nil, clients: ClientVerification? = nil, preamble: Int = 0,
    at wanted: SocketAddress? = nil, after proceed: Event? = nil, scripts: [Script]
  ) throws {
    guard let any = wanted ?? SocketAddress(host: "127.0.0.1", port: 0) else {
      throw SystemError(call: "bind", code: EINVAL)
    }
    self.preamble = preamble
    self.proceed = proceed
    let socket = try ListeningSocket.open(any, sharesPort: false)
    address = try ListeningSocket.address(of: socket.number)
    listener = socket.release()
    stop = try Event()
    ended = try Event()
    let context = try tls.map { try SecureServer($0, clients) }
    let thread = try Thread.start("backend") { [self] in
      var stopping = false
      while true {
        if !stopping { stopping = stop.waitBeside(listener) }
        var peer = SocketAddress()
        let fd = Sys.accept(listener, &peer)
        if fd >= 0 {
          play(Wire(fd: Int32(fd)), context, scripts)
        } else if stopping {
          return
        }
      }
    }
    acceptor.withLock { $0 = thread }
  }

  /// Connections so far.
  package var connections: Int { state.withLock { $0.wires.count } }

  /// Accepts nothing more, waits until every connection has ended, and tells what came on each.
  package func finish() -> [String] { finishBytes().map { latin1Text($0) } }

  /// The same as bytes.
  package func finishBytes() -> [[UInt8]] {
    stop.signal()
    acceptor.withLock { $0.take() }?.join()
    Sys.close(listener)
    while state.withLock({ $0.running }) > 0 { ended.wait() }
    return state.withLock { $0.wires.map(\.received) }
  }

  private func play(_ wire: Wire, _ context: SecureServer?, _ scripts: [Script]) {
    let script = state.withLock { state in
      state.wires.append(wire)
      return scripts[min(state.wires.count, scripts.count) - 1]
    }
    state.withLock { $0.running += 1 }
    // Nobody joins it: floods make thousands, and each would keep its stack until then.
    let thread = try? Thread.start("script") { [self] in
      run(script, wire, context)
      state.withLock { $0.running -= 1 }
      ended.signal()
    }
    guard let thread else {
      wire.close()
      return state.withLock { $0.running -= 1 }
    }
    thread.detach()
  }

  private func run(_ script: Script, _ wire: Wire, _ context: SecureServer?) {
    wire.readRaw(exactly: preamble)
    proceed?.wait()
    if let context, !wire.secure(context.context) { return wire.close() }
    script(wire)
    _ = wire.readToEnd()
    wire.close()
  }
}

/// A server's TLS context, made once and used by every connection's thread.
private final class SecureServer: Sendable {
  let context: ServerContext

  init(_ credential: Credential, _ clients: ClientVerification?) throws {
    context = try ServerContext(
      credentials: [credential], profile: .modern, tickets: TicketKeys { Array(repeating: 7, count: $0) },
      clients: clients)
  }
}
