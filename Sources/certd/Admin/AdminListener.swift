import Configuration
import OS
import PKI
import Synchronization

/// One listening socket of the admin API. Each connection has a thread of its own, a time limit, and one request: what is
/// asked here never touches the workers.
final class AdminListener: Sendable {
  /// The most connections at once; more are closed at once.
  static let maximumConnections = 8
  /// The most answers without an end at once; more are told to come again.
  static let maximumStreams = 16
  /// How long an answer without an end says nothing between two pieces, in milliseconds.
  static let streamPauseMilliseconds: Int32 = 2000
  /// From the connection to the end of its request, and from the answer to its last byte, in milliseconds.
  static let patienceMilliseconds: Int32 = 5000

  /// Who may do what there; digests, so that how far a guess is right shows in no time.
  struct Rights: Sendable {
    /// Tokens that may read; nil where the socket's right is enough for everything.
    var read: [[UInt8]]?
    /// Tokens that may change something, and read.
    var change: [[UInt8]] = []

    /// What everybody may do who reaches the socket, where `read` is nil.
    var everybody = AdminRight.change

    /// Everything, without a token.
    static let all = Rights()
  }

  /// Answers one request, of somebody with that right.
  typealias Answer = @Sendable (_ request: AdminRequest, _ right: AdminRight) async -> AdminAnswer

  private let threads: ConnectionThreads
  private let rights: Mutex<Rights>
  private let answer: Answer
  private let streams = Mutex(0)

  /// Takes a listening socket over. The tokens of `rights` are tokens, not digests.
  init(_ socket: consuming Descriptor, _ rights: Rights, answer: @escaping Answer) throws(SystemError) {
    threads = ConnectionThreads(socket, maximum: Self.maximumConnections)
    self.rights = Mutex(Self.digests(rights))
    self.answer = answer
    try threads.start("certd-admin") { self.exchange($0) }
  }

  /// Where it really is: this tells the port behind port 0.
  var address: SocketAddress? { threads.address }

  /// Takes these tokens from now on, and no others.
  func replace(_ fresh: Rights) { rights.withLock { $0 = Self.digests(fresh) } }

  private static func digests(_ rights: Rights) -> Rights {
    Rights(
      read: rights.read?.compactMap { try? Digest.sha256($0) },
      change: rights.change.compactMap { try? Digest.sha256($0) }, everybody: rights.everybody)
  }

  /// Takes no further connection.
  func close() { threads.close() }

  private func exchange(_ connection: consuming Descriptor) {
    guard let request = read(connection.number) else { return }
    let response: AdminAnswer
    var isHead = false
    switch request {
    case .request(let request):
      isHead = request.method == "HEAD"
      response = answered(request)
    case .refused, .incomplete, .expects:
      response = .error(400, "bad_request", "not an HTTP/1.1 request")
    case .unfit(413):
      response = .error(
        413, "content_too_large", "at most \(AdminRequest.maximumContentBytes) bytes of content are read")
    case .unfit(let status):
      response = .error(status, "length_required", "content needs a Content-Length")
    }
    guard case .request(let request) = request, let pieces = response.pieces, !isHead else {
      return write(connection.number, response.bytes(isHead: isHead))
    }
    stream(connection.number, request, response, pieces)
  }

  /// Sends pieces until either side ends it, beside the connections that are counted otherwise.
  private func stream(
    _ fd: Int32, _ request: AdminRequest, _ answer: AdminAnswer,
    _ pieces: @escaping @Sendable () async -> String?
  ) {
    let hasRoom = streams.withLock { streams in
      guard streams < Self.maximumStreams else { return false }
      streams += 1
      return true
    }
    guard hasRoom else {
      var full = AdminAnswer.error(
        503, "overloaded", "\(Self.maximumStreams) pages are open already: come again later")
      full.extra.append(("Retry-After", "30"))
      return write(fd, full.bytes(isHead: false))
    }
    defer { streams.withLock { $0 -= 1 } }
    func sent(_ bytes: [UInt8]) -> Bool {
      send(fd, bytes, Clock.monotonicNanoseconds() + UInt64(Self.patienceMilliseconds) * 1_000_000)
    }
    guard sent(answer.bytes(isHead: false)) else { return }
    // Whoever loses the right to read gets no further piece; a client that says something more, or leaves, neither.
    threads.uncounted {
      while !threads.isClosed, right(request) != nil, let piece = waited({ await pieces() }) ?? nil,
        sent(Array(piece.utf8)), !Sys.wait(fd, milliseconds: Self.streamPauseMilliseconds)
      {}
    }
  }

  /// Waits for something that is not waited for on this thread.
  private func waited<Value: Sendable>(_ work: @escaping @Sendable () async -> Value) -> Value? {
    guard let gate = try? Gate() else { return nil }
    let reply = Reply<Value>()
    Task {
      let value = await work()
      reply.value.withLock { $0 = value }
      gate.open()
    }
    gate.wait()
    return reply.value.withLock { $0 }
  }

  /// Nil when nothing came in time.
  private func read(_ fd: Int32) -> AdminRequest.Reading? {
    let deadline = Clock.monotonicNanoseconds() + UInt64(Self.patienceMilliseconds) * 1_000_000
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 64 << 10)
    var isTold = false
    // Content is not looked at before all of it can be there.
    var wanted = 0
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
      guard bytes.count >= wanted else { continue }
      let reading = AdminRequest.read(bytes)
      if reading == .expects, !isTold {
        isTold = true
        send(fd, Array("HTTP/1.1 100 Continue\r\n\r\n".utf8), deadline)
      } else if reading != .incomplete, reading != .expects {
        return reading
      }
      if bytes.count > AdminRequest.maximumHeadBytes { wanted = AdminRequest.length(of: bytes) ?? 0 }
    }
  }

  private func answered(_ request: AdminRequest) -> AdminAnswer {
    guard let right = right(request) else {
      var answer = AdminAnswer.error(
        401, "unauthorized", "send a token of admin.token_file as Authorization: Bearer TOKEN")
      answer.extra.append(("WWW-Authenticate", "Bearer"))
      // A browser asks its user, who gives the token as the password.
      if request.path == "/" { answer.extra.append(("WWW-Authenticate", "Basic realm=\"certd\"")) }
      return answer
    }
    let answer = answer
    return waited { await answer(request, right) }
      ?? .error(503, "overloaded", "out of descriptors")
  }

  /// Carries an answer from a task to the thread that waits for it.
  private final class Reply<Value: Sendable>: Sendable { let value = Mutex<Value?>(nil) }

  /// What whoever asks may do; nil for nothing.
  private func right(_ request: AdminRequest) -> AdminRight? {
    let rights = rights.withLock { $0 }
    guard let readers = rights.read else { return rights.everybody }
    guard let token = request.token, let digest = try? Digest.sha256(token) else { return nil }
    if rights.change.contains(digest) { return request.isBasic ? .read : .change }
    return readers.contains(digest) ? .read : nil
  }

  private func write(_ fd: Int32, _ bytes: [UInt8]) {
    guard send(fd, bytes, Clock.monotonicNanoseconds() + UInt64(Self.patienceMilliseconds) * 1_000_000) else {
      return
    }
    drop(fd)
  }

  /// False when not all of it could be sent in time.
  @discardableResult
  private func send(_ fd: Int32, _ bytes: [UInt8], _ deadline: UInt64) -> Bool {
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
      else { return false }
    }
    return true
  }

  /// Waits a moment for the peer's end.
  private func drop(_ fd: Int32) {
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
