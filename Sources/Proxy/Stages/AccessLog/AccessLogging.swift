internal import APIKeys
internal import Exchange
internal import EventLoop
internal import HTTP
internal import OS
internal import TLS
internal import Telemetry
internal import Upstream

// One line for each exchange, when the log is on.
struct AccessLogging: Stage {
  @inline(__always)
  func begin(_ worker: Worker, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>) {
    guard worker.accessLog != nil else { return }
    unsafe exchange.logged = LoggedRequest(
      worker.desk.request, base, pathLength: worker.desk.request.pathLength(base),
      userAgent: worker.userAgent(base))
  }

  @inline(__always)
  func judge(
    _ worker: Worker, _ exchange: Ref<Exchange>, _ backend: Ref<BackendConnection>,
    _ base: UnsafePointer<UInt8>
  ) {
    if exchange.logged.isKept { exchange.logged.answeredNanoseconds = worker.nowNanoseconds }
  }

  @inline(__always)
  func end(_ worker: Worker, _ exchange: Ref<Exchange>) {
    worker.logAccess(exchange)
    exchange.logged.free()
  }
}

extension Worker {
  /// How often buffered lines are written, in milliseconds.
  static let flushMilliseconds: UInt64 = 1000
  /// What the client calls itself, where the log tells it; empty otherwise.
  fileprivate func userAgent(_ base: UnsafePointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
    let nothing = unsafe UnsafeBufferPointer<UInt8>(start: nil, count: 0)
    guard accessLog?.tellsUserAgent == true else { return unsafe nothing }
    for index in 0..<desk.fields.count where unsafe desk.fields.lines[index].isNamed("user-agent", base) {
      let line = unsafe desk.fields.lines[index]
      return unsafe UnsafeBufferPointer(start: base + Int(line.valueStart), count: Int(line.valueLength))
    }
    return unsafe nothing
  }

  fileprivate func logAccess(_ exchange: Ref<Exchange>) {
    guard let accessLog, let client = exchange.client, exchange.logged.isKept else { return }
    let logged = exchange.logged
    let service = unsafe Array(
      (exchange.service.map { unsafe serviceName(exchange, $0.pointee.index) } ?? "").utf8)
    let backend = unsafe Array((exchange.counted?._withUnsafeGuaranteedRef { $0.name } ?? "").utf8)
    unsafe client.peer.withBytes { peer, peerCount in
      unsafe service.withUnsafeBytes { service in
        unsafe backend.withUnsafeBytes { backend in
          var entry = unsafe AccessEntry(
            wallNanoseconds: Clock.wallNanoseconds(),
            client: UnsafeRawBufferPointer(start: peer, count: peerCount), method: logged.method,
            host: logged.host, target: logged.path, service: service, backend: backend)
          entry.status = UInt16(clamping: exchange.status)
          entry.bytesIn = exchange.bytesIn
          entry.bytesOut = exchange.bytesOut
          entry.durationMicroseconds = (nowNanoseconds &- exchange.startedNanoseconds) / 1000
          entry.tls = Self.version(client)
          unsafe entry.identity = unsafe Self.identityLabel(client)
          describe(&entry, exchange, logged)
          guard let model = exchange.model, unsafe model.api != nil || model.key != nil else {
            return accessLog.append(entry)
          }
          append(entry, model, exchange, to: accessLog)
        }
      }
    }
  }

  private func describe(_ entry: inout AccessEntry, _ exchange: Ref<Exchange>, _ logged: LoggedRequest) {
    entry.attempts = Int(exchange.machine.attempts)
    let answered = logged.answeredNanoseconds
    if answered > 0 {
      entry.firstByteMicroseconds = max(1, (answered &- min(exchange.startedNanoseconds, answered)) / 1000)
    }
    entry.version =
      switch exchange.version {
      case .http10: 10
      case .http11: 11
      case .http2: 20
      }
    unsafe entry.userAgent = unsafe logged.userAgent
    guard let followed = unsafe exchange.followed else { return }
    unsafe entry.requestID = unsafe followed.pointee.requestIDText
    unsafe entry.traceID = unsafe followed.pointee.traceIDText
  }

  /// The same with what is known of a request to a model.
  private func append(
    _ entry: AccessEntry, _ model: Ref<ModelRequest>, _ exchange: Ref<Exchange>, to log: AccessLog
  ) {
    var entry = entry
    var about = AccessEntry.Model()
    if let key = unsafe model.key { unsafe about.key = unsafe key.pointee.id }
    about.promptTokens = model.promptTokens
    about.cachedTokens = model.cachedTokens
    about.completionTokens = model.completionTokens
    about.firstTokenMicroseconds = firstTokenMicroseconds(model, exchange)
    unsafe withUnsafeBytes(of: model.nameText) { text in
      unsafe about.name = unsafe UnsafeRawBufferPointer(rebasing: text[..<model.nameCount])
      entry.model = about
      log.append(entry)
    }
  }

  /// An answer of ours to a request that was not forwarded.
  func logLocal(_ client: Ref<ClientConnection>, _ status: Int, _ bytes: Int) {
    guard let accessLog, let buffer = unsafe client.buffer else { return }
    let base = unsafe UnsafePointer(buffer + client.start)
    // A head that did not parse has no parts to tell.
    let isParsed = desk.request.method != .other || desk.request.methodLength > 0
    func part(_ start: Int, _ count: Int) -> UnsafeRawBufferPointer {
      unsafe UnsafeRawBufferPointer(start: base + start, count: isParsed && status != 400 ? count : 0)
    }
    unsafe client.peer.withBytes { peer, peerCount in
      var entry = unsafe AccessEntry(
        wallNanoseconds: Clock.wallNanoseconds(),
        client: UnsafeRawBufferPointer(start: peer, count: peerCount),
        method: part(0, desk.request.methodLength),
        host: part(desk.request.hostStart, desk.request.hostLength),
        target: part(desk.request.targetStart, desk.request.targetLength),
        service: .init(start: nil, count: 0),
        backend: .init(start: nil, count: 0))
      entry.status = UInt16(clamping: status)
      entry.bytesOut = UInt64(bytes)
      entry.tls = Self.version(client)
      unsafe entry.identity = unsafe Self.identityLabel(client)
      accessLog.append(entry)
    }
  }

  private static func version(_ client: Ref<ClientConnection>) -> AccessEntry.TLSVersion {
    switch client.wire.session?.version {
    case .tls13: .tls13
    case .tls12: .tls12
    case .unknown, nil: .none
    }
  }

  func reopenLogs() {
    do throws(SystemError) { try accessLog?.reopen() } catch {
      shared.report(.accessLogFailed(reason: error.description))
    }
  }

  /// Once a turn.
  func flushAccessLog() {
    guard let accessLog, nowMilliseconds >= accessFlushAt else { return }
    accessFlushAt = nowMilliseconds + Self.flushMilliseconds
    accessLog.flush()
    accessLog.lookAtFile()
  }
}

/// What the log will say of a request: a copy, for its buffer is gone by then. Made only when the log is on; owned.
@safe struct LoggedRequest: BitwiseCopyable {
  private var text: UnsafeMutablePointer<UInt8>?
  private var methodLength = 0
  private var hostLength = 0
  private var pathLength = 0
  private var agentLength = 0
  /// When the answer's head has come, in monotonic nanoseconds; 0 until then.
  var answeredNanoseconds: UInt64 = 0
  /// The longest path that is remembered, in bytes.
  private static let maximumPathBytes = 1024
  /// The longest method that is remembered, in bytes.
  private static let maximumMethodBytes = 32
  /// The longest name of a client for itself that is remembered, in bytes.
  private static let maximumAgentBytes = 200

  init() {}

  /// A request's method, host and path. The query is left out: it may hold a key.
  init(
    _ head: RequestHead, _ base: UnsafePointer<UInt8>, pathLength path: Int,
    userAgent: UnsafeBufferPointer<UInt8>
  ) {
    agentLength = min(userAgent.count, Self.maximumAgentBytes)
    methodLength = min(head.methodLength, Self.maximumMethodBytes)
    hostLength = head.hostLength
    pathLength = min(path, Self.maximumPathBytes)
    let memory = unsafe allocate()
    unsafe memory.update(from: base, count: methodLength)
    unsafe (memory + methodLength).update(from: base + head.hostStart, count: hostLength)
    unsafe (memory + methodLength + hostLength).update(from: base + head.targetStart, count: pathLength)
    if let agent = userAgent.baseAddress {
      unsafe (memory + methodLength + hostLength + pathLength).update(from: agent, count: agentLength)
    }
  }

  /// A connection that is passed on: its server name stands for the host.
  init(method: StaticString, host: UnsafePointer<UInt8>, _ count: Int) {
    methodLength = method.utf8CodeUnitCount
    hostLength = count
    let memory = unsafe allocate()
    unsafe memory.update(from: method.utf8Start, count: methodLength)
    unsafe (memory + methodLength).update(from: host, count: count)
  }

  var isKept: Bool { unsafe text != nil }
  var method: UnsafeRawBufferPointer { unsafe part(0, methodLength) }
  var host: UnsafeRawBufferPointer { unsafe part(methodLength, hostLength) }
  var path: UnsafeRawBufferPointer { unsafe part(methodLength + hostLength, pathLength) }

  var userAgent: UnsafeRawBufferPointer {
    unsafe part(methodLength + hostLength + pathLength, agentLength)
  }

  mutating func free() {
    unsafe text?.deallocate()
    unsafe text = nil
  }

  private mutating func allocate() -> UnsafeMutablePointer<UInt8> {
    let memory = UnsafeMutablePointer<UInt8>.allocate(
      capacity: max(1, methodLength + hostLength + pathLength + agentLength))
    unsafe text = unsafe memory
    return unsafe memory
  }

  private func part(_ start: Int, _ count: Int) -> UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: text.map { unsafe UnsafeRawPointer($0 + start) }, count: count)
  }
}
