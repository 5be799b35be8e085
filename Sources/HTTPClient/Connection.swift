internal import EventLoop
internal import HTTP
internal import OS
internal import TLS

/// One connection of the control loop, and the job it is doing.
final class Connection {
  private enum State { case resolving, connecting, tunnelling, handshaking, exchanging, idle, closed }

  let index: UInt32
  let key: String
  /// When the control loop looks at it again: the end of the job's time, or of one address's.
  var deadline: UInt64
  private var jobDeadline: UInt64
  private unowned let loop: ControlLoop
  private let via: URL?
  private var job: Job?
  private var state = State.resolving
  private var fd: Int32 = -1
  private var session: Session?
  private var addresses: [SocketAddress] = []
  private var current = SocketAddress()
  private var lastFailure = "no address"
  private var outgoing: [UInt8] = []
  private var incoming: [UInt8] = []
  private var sawEnd = false
  private var reader = ResponseReader()
  /// The exchange, when it is made over HTTP/2.
  private var http2: HTTP2Exchange?
  /// A response has been read on it before, and none of this one: its peer may have closed it meanwhile.
  private var mayBeStale = false
  /// Kept so that no other context takes its place in memory, and with it its kept connections.
  private let context: ClientContext?

  init(loop: ControlLoop, index: UInt32, job: Job, key: String, via: URL?, deadline: UInt64) {
    self.loop = loop
    self.index = index
    self.job = job
    context = job.options.context
    self.key = key
    self.via = via
    self.deadline = deadline
    jobDeadline = deadline
  }

  // MARK: Connecting

  /// Tries the addresses in order: the next one when one fails.
  func connect(to addresses: [SocketAddress]) {
    self.addresses = addresses
    connectNext()
  }

  /// For one address, when there are others to try, in milliseconds (RFC 8305 §5 has less, for browsers).
  private static let addressMilliseconds: UInt64 = 3_000

  private func connectNext() {
    closeSocket()
    while !addresses.isEmpty {
      var address = addresses.removeFirst()
      current = address
      let socket = Sys.socket(family: address.family)
      guard socket >= 0 else {
        lastFailure = SystemError(call: "socket", code: Int32(-socket)).description
        continue
      }
      fd = Int32(socket)
      Sys.setNoDelay(fd)
      let result = unsafe Sys.connect(fd, &address)
      if result == 0 || result == Sys.inProgress, loop.register(fd, self) {
        state = .connecting
        // An address that does not answer must not use up the time of those behind it.
        deadline =
          addresses.isEmpty ? jobDeadline : min(jobDeadline, ControlLoop.now() + Self.addressMilliseconds)
        return
      }
      lastFailure =
        SystemError(call: "connect", code: Int32(-result), subject: address.description).description
      closeSocket()
    }
    fail(.connect, lastFailure)
  }

  private func connected() {
    deadline = jobDeadline
    let error = Sys.socketError(fd)
    guard error == 0 else {
      lastFailure = SystemError(call: "connect", code: error, subject: current.description).description
      return connectNext()
    }
    guard let job else { return close() }
    if case .connectOnly = job.goal { return succeed(.connected) }
    if via != nil, job.url.scheme == .https {
      state = .tunnelling
      let host = job.url.host
      let authority = "\(host.contains(":") ? "[\(host)]" : host):\(job.url.port)"
      reader = ResponseReader(method: "CONNECT", maximumBodyBytes: 0)
      outgoing = Array("CONNECT \(authority) HTTP/1.1\r\nHost: \(authority)\r\n\r\n".utf8)
      return flush()
    }
    secure(job)
  }

  private func secure(_ job: Job) {
    outgoing += job.options.preamble
    guard job.url.scheme == .https else { return begin(job) }
    do throws(ContextError) {
      let context = try loop.context(for: job)
      guard let session = Session(client: context, host: job.url.host, pipe: loop.pipe) else {
        return fail(.tls, Failure.take())
      }
      self.session = session
    } catch { return fail(.tls, error.description) }
    state = .handshaking
    handshake()
  }

  private func handshake() {
    guard let session else { return }
    switch session.handshake() {
    case .complete:
      takeRecords()
      guard let job else { return close() }
      if case .handshake = job.goal { return succeed(.peerChain(session.peerChain)) }
      begin(job)
    case .wantRead, .wantWrite: takeRecords()
    case .closed, .failed:
      // The alert that tells the peer why.
      takeRecords()
      flush()
      return fail(.tls, Failure.take(session))
    }
    flush()
  }

  // MARK: The exchange

  func reuse(for job: Job, deadline: UInt64) {
    self.job = job
    self.deadline = deadline
    jobDeadline = deadline
    mayBeStale = true
    begin(job)
  }

  private func begin(_ job: Job) {
    guard case .request(let request) = job.goal else { return }
    state = .exchanging
    if job.options.http2 { return beginHTTP2(request, job) }
    reader = ResponseReader(method: request.method, maximumBodyBytes: job.options.maximumBodyBytes)
    reader.content = job.options.content
    write(
      RequestWriter.bytes(
        request, keepsAlive: job.options.keepsAlive, absolute: via != nil && request.url.scheme == .http))
  }

  private func beginHTTP2(_ request: Request, _ job: Job) {
    if let session, session.applicationProtocol != .http2 {
      return fail(.tls, "the server does not offer HTTP/2 (ALPN h2)")
    }
    let exchange = HTTP2Exchange(
      maximumBodyBytes: job.options.maximumBodyBytes, isHead: request.method == "HEAD")
    guard let bytes = exchange.begin(request) else { return fail(.malformed, "request head too large") }
    http2 = exchange
    write(bytes)
  }

  private func write(_ bytes: [UInt8]) {
    if let session {
      var at = 0
      while at < bytes.count {
        let n = min(bytes.count - at, Session.maximumWrite)
        let written = unsafe bytes.withUnsafeBytes {
          unsafe $0.baseAddress.map { unsafe session.write($0 + at, n) } ?? false
        }
        takeRecords()
        guard written else { return fail(.tls, Failure.take()) }
        at += n
      }
    } else {
      outgoing += bytes
    }
    flush()
  }

  func event(_ readiness: Readiness) {
    if state == .connecting {
      guard !readiness.isDisjoint(with: [.writable, .error, .hangup]) else { return }
      connected()
      // The next address is being tried. Otherwise the same edge may tell of an early answer.
      if state == .connecting { return }
    }
    if readiness.contains(.writable) { flush() }
    if state != .closed, !readiness.isDisjoint(with: [.readable, .peerClosed, .hangup, .error]) { receive() }
  }

  private func flush() {
    while !outgoing.isEmpty, fd >= 0 {
      let n = unsafe outgoing.withUnsafeBytes { raw in
        unsafe raw.baseAddress.map { unsafe Sys.send(fd, $0, raw.count) } ?? 0
      }
      if n == Sys.wouldBlock { return }
      // A server may answer and close before it has read everything: what it said counts.
      guard n > 0 else { return outgoing.removeAll() }
      outgoing.removeFirst(n)
    }
  }

  private func takeRecords() {
    unsafe outgoing += loop.pipe.output
    loop.pipe.clearOutput()
  }

  private func receive() {
    while state != .closed, fd >= 0 {
      let n = unsafe Sys.recv(fd, loop.pipe.receiveBuffer, RecordPipe.inputCapacity)
      if n == Sys.wouldBlock { return }
      // Over TLS only a close notification is a clean end (RFC 9112 §9.8): all else may be a truncation.
      if n <= 0 { return ended(clean: n == 0 && session == nil) }
      let bytes = unsafe UnsafeRawBufferPointer(start: loop.pipe.receiveBuffer, count: n)
      if session == nil {
        unsafe incoming += bytes
        interpret()
      } else {
        unsafe loop.pipe.setInput(bytes.baseAddress, n)
        decrypt()
        unsafe loop.pipe.setInput(nil, 0)
      }
    }
  }

  private func decrypt() {
    guard let session else { return }
    if state == .handshaking { handshake() }
    while state == .exchanging || state == .idle {
      let result = unsafe withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 16) { buffer in
        guard let base = buffer.baseAddress else { return Session.ReadResult.failed }
        let result = unsafe session.read(into: base, capacity: buffer.count)
        if case .bytes(let n) = result { unsafe incoming += UnsafeRawBufferPointer(start: base, count: n) }
        return result
      }
      // A read may answer by itself, with an alert or a key update. The pipe is everybody's.
      takeRecords()
      switch result {
      case .bytes: interpret()
      case .wantRead: return flush()
      case .closed: return ended(clean: true)
      case .failed:
        Failure.clear()
        flush()
        return ended(clean: false)
      }
    }
  }

  private func interpret() {
    guard state == .exchanging || state == .tunnelling else { return close() }
    mayBeStale = false
    let outcome: ResponseReader.Outcome
    if state == .exchanging, let http2 {
      outcome = http2.read(&incoming, &loop.fields, now: ControlLoop.now())
      let answers = http2.takeOutput()
      if !answers.isEmpty { write(answers) }
      guard state == .exchanging else { return }
    } else {
      outcome = reader.read(&incoming, &loop.fields)
    }
    if state == .exchanging, let taking = job?.options.taking {
      let piece = reader.takeContent()
      if !piece.isEmpty { taking(piece) }
    }
    switch outcome {
    case .more: return
    case .failed(let kind, let reason): fail(kind, reason)
    case .complete(var response, let keepsAlive):
      if job?.options.taking != nil { response.body = [] }
      if state == .tunnelling {
        guard (200..<300).contains(response.status), let job else {
          return fail(.connect, "the proxy answered CONNECT with \(response.status)")
        }
        // Anything more would be taken for the origin's answer, although no TLS protects it.
        guard incoming.isEmpty else { return fail(.malformed, "the proxy sent content after its answer") }
        return secure(job)
      }
      finish(response, keepsAlive)
    }
  }

  private func ended(clean: Bool) {
    if state == .exchanging, let response = reader.end(clean: clean) { return finish(response, false) }
    if state == .idle { return close() }
    if mayBeStale, let job, job.isIdempotent {
      self.job = nil
      close()
      return loop.beginFresh(job, deadline: deadline)
    }
    if state == .connecting { return connectNext() }
    let when = state == .handshaking ? "during the TLS handshake" : "before the response was complete"
    fail(state == .handshaking ? .tls : .dropped, "connection closed \(when)")
  }

  // MARK: Ends

  private func finish(_ response: Response, _ keepsAlive: Bool) {
    guard let job else { return close() }
    self.job = nil
    if keepsAlive, job.options.keepsAlive, incoming.isEmpty, outgoing.isEmpty {
      state = .idle
      loop.keep(self, job)
    } else {
      self.job = job
      close()
    }
    job.finish(.success(.response(response)))
  }

  private func succeed(_ success: Job.Success) {
    let done = job
    close()
    done?.finish(.success(success))
  }

  func fail(_ kind: HTTPClientError.Kind, _ reason: String) {
    let failed = job
    close()
    failed?.finish(.failure(HTTPClientError(kind, reason)))
  }

  func timedOut() {
    if state == .idle { return close() }
    if state == .connecting, deadline < jobDeadline {
      lastFailure = "connect timed out"
      return connectNext()
    }
    fail(.timeout, "no complete response within the deadline")
  }

  func close() {
    guard state != .closed else { return }
    state = .closed
    closeSocket()
    loop.forget(self, job)
    job = nil
  }

  private func closeSocket() {
    session?.free()
    session = nil
    if fd >= 0 { Sys.close(fd) }
    fd = -1
  }
}
