package import TLS
internal import TestSupport

/// Ticket keys of a fixed start, so that contexts can share them.
package func ticketKeys(seed: UInt64 = 1) -> TicketKeys {
  var random = SeededGenerator(seed: seed)
  return TicketKeys { random.bytes($0) }
}

/// A server context with defaults for what a test does not care about.
package func server(
  _ credentials: [Credential], _ profile: Profile = .modern, tickets: TicketKeys = ticketKeys()
) throws -> ServerContext {
  try ServerContext(credentials: credentials, profile: profile, tickets: tickets)
}

/// One side of a connection in memory: a session with its own pipe, and what it has to say.
package final class Peer {
  private let pipe = RecordPipe()
  package let session: Session
  package private(set) var outgoing: [UInt8] = []
  package private(set) var step = Session.Step.wantRead

  package init?(server context: ServerContext) {
    guard let session = Session(server: context, pipe: pipe) else { return nil }
    self.session = session
  }

  package init?(client context: ClientContext, host: String) {
    guard let session = Session(client: context, host: host, pipe: pipe) else { return nil }
    self.session = session
  }

  deinit { session.free() }

  /// Takes what is to be sent.
  package func take() -> [UInt8] {
    collect()
    defer { outgoing = [] }
    return outgoing
  }

  private func collect() {
    outgoing += pipe.output
    pipe.clearOutput()
  }

  /// Goes on with the handshake, given some bytes.
  @discardableResult
  package func handshake(_ bytes: [UInt8] = []) -> Session.Step {
    step = with(bytes) { session.handshake() }
    if step == .failed { noteFailure() }
    return step
  }

  /// Decrypts all that some bytes give.
  package func read(_ bytes: [UInt8]) -> (text: [UInt8], end: Session.ReadResult) {
    with(bytes) {
      var text: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 16_384)
      while true {
        let result = session.read(into: &buffer, capacity: buffer.count)
        if result == .failed { noteFailure() }
        guard case .bytes(let n) = result else { return (text, result) }
        text += buffer[..<n]
      }
    }
  }

  /// Encrypts bytes.
  package func write(_ bytes: [UInt8]) -> Bool {
    let written = bytes.withUnsafeBytes { raw in raw.baseAddress.map { session.write($0, raw.count) } ?? true
    }
    collect()
    return written
  }

  /// Why it failed: taken at once, before the other side, on the same thread, leaves or clears its own.
  package private(set) var reason = ""

  private func noteFailure() { reason = Failure.take(session) }

  /// Shows bytes to a step; answers what it has left of them as well.
  package func show<R>(_ bytes: [UInt8], _ step: () -> R) -> (R, [UInt8]) {
    var left: [UInt8] = []
    let result = with(bytes) {
      let result = step()
      left = Array(pipe.unreadInput)
      return result
    }
    return (result, left)
  }

  private func with<R>(_ bytes: [UInt8], _ body: () -> R) -> R {
    // Fed in parts of the pipe's size at most, as a socket would.
    precondition(bytes.count <= 1 << 20)
    return bytes.withUnsafeBytes { raw in
      pipe.setInput(raw.baseAddress, raw.count)
      defer {
        pipe.setInput(nil, 0)
        collect()
      }
      return body()
    }
  }
}

/// Two sides that have met.
package struct Handshake {
  package let client: Peer
  package let server: Peer

  /// Carries bytes to and fro until neither has anything to say.
  package init?(_ clientContext: ClientContext, _ serverContext: ServerContext, host: String = "a.example") {
    guard let client = Peer(client: clientContext, host: host), let server = Peer(server: serverContext)
    else {
      return nil
    }
    self.client = client
    self.server = server
    client.handshake()
    for _ in 0..<10 {
      let toServer = client.take()
      if !toServer.isEmpty, server.step == .wantRead { server.handshake(toServer) }
      let toClient = server.take()
      if toServer.isEmpty, toClient.isEmpty { return }
      if client.step == .wantRead { client.handshake(toClient) } else { _ = client.read(toClient) }
    }
  }

  package var succeeded: Bool { client.step == .complete && server.step == .complete }
}
