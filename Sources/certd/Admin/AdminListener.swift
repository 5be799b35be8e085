import OS
import PKI
import Synchronization

/// One listening socket of the admin API. Each connection has a thread of its own, a time limit, and one request: what is
/// asked here never touches the workers.
final class AdminListener: Sendable {
  /// The most connections at once; more are closed at once.
  static let maximumConnections = 8
  /// From the connection to the end of its request, and from the answer to its last byte, in milliseconds.
  static let patienceMilliseconds: Int32 = 5000

  /// Answers one request.
  typealias Answer = @Sendable (_ path: String) async -> AdminAnswer

  private let socket: Descriptor
  /// Digests: how far a guess is right shows in no time. Nil where the socket's right is enough.
  private let tokens: Mutex<[[UInt8]]?>
  private let answer: Answer
  private let open = Mutex(0)
  private let isClosed = Mutex(false)

  /// Takes a listening socket over. With `tokens` a request has to bring one of them.
  init(_ socket: consuming Descriptor, tokens: [[UInt8]]?, answer: @escaping Answer) throws(SystemError) {
    self.socket = socket
    self.tokens = Mutex(Self.digests(tokens))
    self.answer = answer
    try Thread.start("certd-admin") { self.accept() }.detach()
  }

  /// Where it really is: this tells the port behind port 0.
  var address: SocketAddress? { try? ListeningSocket.address(of: socket.number) }

  /// Takes these tokens from now on, and no others.
  func replaceTokens(_ fresh: [[UInt8]]) { tokens.withLock { $0 = Self.digests(fresh) } }

  private static func digests(_ tokens: [[UInt8]]?) -> [[UInt8]]? {
    tokens?.compactMap { try? Digest.sha256($0) }
  }

  /// Takes no further connection.
  func close() {
    isClosed.withLock { $0 = true }
    Sys.shutdown(socket.number)
  }

  private func accept() {
    var peer = SocketAddress()
    while !isClosed.withLock({ $0 }) {
      guard Sys.wait(socket.number, milliseconds: -1) else { continue }
      let fd = Sys.accept(socket.number, &peer)
      guard fd >= 0 else {
        // Out of descriptors, say: not asked again at once.
        if fd != Sys.wouldBlock, !isClosed.withLock({ $0 }) { _ = Sys.wait(-1, milliseconds: 100) }
        continue
      }
      serve(Descriptor(owning: Int32(fd)))
    }
  }

  private func serve(_ connection: consuming Descriptor) {
    let hasRoom = open.withLock { open in
      guard open < Self.maximumConnections else { return false }
      open += 1
      return true
    }
    guard hasRoom else { return }
    let fd = connection.release()
    do throws(SystemError) {
      try Thread.start("certd-admin") {
        self.exchange(Descriptor(owning: fd))
        self.open.withLock { $0 -= 1 }
      }.detach()
    } catch {
      Sys.close(fd)
      open.withLock { $0 -= 1 }
    }
  }

  private func exchange(_ connection: consuming Descriptor) {
    guard let request = read(connection.number) else { return }
    let response: AdminAnswer
    var isHead = false
    switch request {
    case .request(let request):
      isHead = request.method == "HEAD"
      response = answered(request)
    case .refused, .incomplete: response = AdminAnswer(status: 400, body: "not an HTTP/1.1 request\n")
    }
    write(connection.number, response.bytes(isHead: isHead))
  }

  /// Nil when nothing came in time.
  private func read(_ fd: Int32) -> AdminRequest.Reading? {
    let deadline = Clock.monotonicNanoseconds() + UInt64(Self.patienceMilliseconds) * 1_000_000
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 4096)
    while true {
      let now = Clock.monotonicNanoseconds()
      guard now < deadline,
        Sys.wait(fd, milliseconds: Int32(clamping: (deadline - now) / 1_000_000 + 1))
      else { return nil }
      let count = unsafe piece.withUnsafeMutableBytes { buffer in
        unsafe buffer.baseAddress.map { unsafe Sys.recv(fd, $0, buffer.count) } ?? 0
      }
      if count == Sys.wouldBlock { continue }
      guard count > 0 else { return nil }
      bytes += piece[..<count]
      let reading = AdminRequest.read(bytes)
      if reading != .incomplete { return reading }
    }
  }

  private func answered(_ request: AdminRequest) -> AdminAnswer {
    guard isAllowed(request.token) else {
      return AdminAnswer(
        status: 401, extra: [("WWW-Authenticate", "Bearer")],
        body: "send a token of admin.token_file as Authorization: Bearer TOKEN\n")
    }
    guard ["GET", "HEAD"].contains(request.method) else {
      return AdminAnswer(status: 405, extra: [("Allow", "GET, HEAD")], body: "only GET and HEAD\n")
    }
    guard let gate = try? Gate() else { return AdminAnswer(status: 503, body: "out of descriptors\n") }
    let (answer, path, reply) = (answer, request.path, Reply())
    Task {
      let response = await answer(path)
      reply.value.withLock { $0 = response }
      gate.open()
    }
    gate.wait()
    return reply.value.withLock { $0 } ?? AdminAnswer(status: 503, body: "no answer\n")
  }

  /// Carries an answer from a task to the thread that waits for it.
  private final class Reply: Sendable { let value = Mutex<AdminAnswer?>(nil) }

  private func isAllowed(_ token: [UInt8]?) -> Bool {
    guard let tokens = tokens.withLock({ $0 }) else { return true }
    guard let token, let digest = try? Digest.sha256(token) else { return false }
    return tokens.contains(digest)
  }

  private func write(_ fd: Int32, _ bytes: [UInt8]) {
    let deadline = Clock.monotonicNanoseconds() + UInt64(Self.patienceMilliseconds) * 1_000_000
    var sent = 0
    while sent < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { buffer in
        unsafe buffer.baseAddress.map { unsafe Sys.send(fd, $0 + sent, buffer.count - sent) } ?? -1
      }
      if count > 0 {
        sent += count
        continue
      }
      let now = Clock.monotonicNanoseconds()
      guard count == Sys.wouldBlock, now < deadline,
        Sys.wait(fd, toWrite: true, milliseconds: Int32(clamping: (deadline - now) / 1_000_000 + 1))
      else { return }
    }
    // What the peer has sent beyond its request would make the close a reset that overtakes the answer.
    Sys.shutdownWrite(fd)
    var rest = [UInt8](repeating: 0, count: 4096)
    for _ in 0..<16 where Sys.wait(fd, milliseconds: 1000) {
      let count = unsafe rest.withUnsafeMutableBytes { buffer in
        unsafe buffer.baseAddress.map { unsafe Sys.recv(fd, $0, buffer.count) } ?? 0
      }
      if count <= 0, count != Sys.wouldBlock { return }
    }
  }
}
