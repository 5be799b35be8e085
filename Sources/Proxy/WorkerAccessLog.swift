internal import EventLoop
internal import HTTP
internal import OS
internal import TLS
internal import Telemetry
internal import Upstream

// One line for each exchange, when the log is on.
extension Worker {
  /// How often buffered lines are written, in milliseconds.
  static let flushMilliseconds: UInt64 = 1000
  /// The longest path that is remembered, in bytes.
  private static let maximumPathBytes = 1024

  /// Copies what the log will say of the request: its buffer is gone by then. The query is left out: it may hold
  /// a key.
  func remember(_ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>) {
    let path = unsafe min(pathOnlyLength(base), Self.maximumPathBytes)
    let method = min(requestHead.methodLength, 32)
    let memory = UnsafeMutablePointer<UInt8>.allocate(
      capacity: max(1, method + requestHead.hostLength + path))
    unsafe memory.update(from: base, count: method)
    unsafe (memory + method).update(from: base + requestHead.hostStart, count: requestHead.hostLength)
    unsafe (memory + method + requestHead.hostLength).update(
      from: base + requestHead.targetStart, count: path)
    unsafe exchange.logged = unsafe memory
    exchange.loggedMethodLength = method
    exchange.loggedHostLength = requestHead.hostLength
    exchange.loggedPathLength = path
  }

  func logAccess(_ exchange: Ref<Exchange>) {
    guard let accessLog, let client = exchange.downstream, let text = unsafe exchange.logged else { return }
    let method = unsafe UnsafeRawBufferPointer(start: text, count: exchange.loggedMethodLength)
    let host = unsafe UnsafeRawBufferPointer(start: text + method.count, count: exchange.loggedHostLength)
    let path = unsafe UnsafeRawBufferPointer(
      start: text + method.count + host.count, count: exchange.loggedPathLength)
    let service = unsafe exchange.service.map { unsafe snapshotNames(exchange, $0.pointee.index) } ?? []
    let backend = unsafe Array((exchange.counted?._withUnsafeGuaranteedRef { $0.name } ?? "").utf8)
    unsafe client.peer.withBytes { peer, peerCount in
      unsafe service.withUnsafeBytes { service in
        unsafe backend.withUnsafeBytes { backend in
          var entry = unsafe AccessEntry(
            wallNanoseconds: Clock.wallNanoseconds(),
            client: UnsafeRawBufferPointer(start: peer, count: peerCount), method: method, host: host,
            target: path, service: service, backend: backend)
          entry.status = UInt16(clamping: exchange.status)
          entry.bytesIn = exchange.bytesIn
          entry.bytesOut = exchange.bytesOut
          entry.durationMicroseconds = (nowNanoseconds &- exchange.startedNanoseconds) / 1000
          entry.tls = Self.version(client)
          unsafe entry.identity = unsafe Self.identityLabel(client)
          accessLog.append(entry)
        }
      }
    }
  }

  /// An answer of ours to a request that was not forwarded.
  func logLocal(_ client: Ref<Downstream>, _ status: Int, _ bytes: Int) {
    guard let accessLog, let buffer = unsafe client.buffer else { return }
    let base = unsafe UnsafePointer(buffer + client.start)
    // A head that did not parse has no parts to tell.
    let isParsed = requestHead.method != .other || requestHead.methodLength > 0
    func part(_ start: Int, _ count: Int) -> UnsafeRawBufferPointer {
      unsafe UnsafeRawBufferPointer(start: base + start, count: isParsed && status != 400 ? count : 0)
    }
    unsafe client.peer.withBytes { peer, peerCount in
      var entry = unsafe AccessEntry(
        wallNanoseconds: Clock.wallNanoseconds(),
        client: UnsafeRawBufferPointer(start: peer, count: peerCount),
        method: part(0, requestHead.methodLength),
        host: part(requestHead.hostStart, requestHead.hostLength),
        target: part(requestHead.targetStart, requestHead.targetLength), service: .init(start: nil, count: 0),
        backend: .init(start: nil, count: 0))
      entry.status = UInt16(clamping: status)
      entry.bytesOut = UInt64(bytes)
      entry.tls = Self.version(client)
      unsafe entry.identity = unsafe Self.identityLabel(client)
      accessLog.append(entry)
    }
  }

  private func snapshotNames(_ exchange: Ref<Exchange>, _ index: Int) -> [UInt8] {
    guard let held = unsafe exchange.snapshot else { return [] }
    return unsafe held._withUnsafeGuaranteedRef { Array($0.settings.services[index].name.utf8) }
  }

  private static func version(_ client: Ref<Downstream>) -> AccessEntry.TLSVersion {
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
  func tick() {
    guard let accessLog, nowMilliseconds >= accessFlushAt else { return }
    accessFlushAt = nowMilliseconds + Self.flushMilliseconds
    accessLog.flush()
  }
}
