internal import EventLoop
internal import Exchange
internal import HTTP
internal import OS
internal import Telemetry
internal import Upstream

// Identifiers of requests, and traces: from the client to the backend, the log and a collector.
struct Following: Stage {
  @inline(__always)
  func begin(_ worker: Worker, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>) {
    guard worker.snapshot.follows else { return }
    unsafe worker.follow(exchange, base)
  }

  @inline(__always)
  func writeRequest(
    _ worker: Worker, _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>, _ out: inout HeadWriter
  ) {
    guard let followed = unsafe exchange.followed else { return }
    unsafe worker.writeNames(followed, &out)
  }

  @inline(__always)
  func writeResponse(
    _ worker: Worker, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>, _ out: inout HeadWriter
  ) {
    guard let followed = unsafe exchange.followed else { return }
    unsafe worker.writeAnswered(followed, base, &out)
  }

  @inline(__always)
  func end(_ worker: Worker, _ exchange: Ref<Exchange>) {
    guard unsafe exchange.followed != nil else { return }
    worker.unfollow(exchange)
  }
}

extension Worker {
  @inline(never)
  fileprivate func follow(_ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>) {
    let isTrusted = exchange.client?.isTrusted == true
    var followed = FollowedRequest()
    var parent: TraceParent?
    for index in 0..<(isTrusted ? desk.fields.count : 0) {
      let line = unsafe desk.fields.lines[index]
      guard line.name == .other else { continue }
      let value = unsafe base + Int(line.valueStart)
      if unsafe followed.idCount == 0 && line.isNamed("x-request-id", base) {
        _ = unsafe followed.takeID(value, Int(line.valueLength))
      } else if unsafe parent == nil && line.isNamed("traceparent", base) {
        parent = unsafe TraceParent(value, Int(line.valueLength))
      }
    }
    if snapshot.settings.forwarding.requestID {
      if followed.idCount == 0 {
        followed.makeID(
          milliseconds: UInt64(max(0, Clock.wallNanoseconds())) / 1_000_000, shared.random(), shared.random())
      }
    } else {
      followed.forgetID()
    }
    if let traces = snapshot.settings.traces {
      followed.join(parent?.trace ?? TraceID(random: shared.random))
      followed.parent = parent?.span ?? 0
      followed.span = max(1, shared.random())
      let chance = Double(shared.random() >> 11) * 0x1p-53
      followed.isSampled = parent?.isSampled ?? (chance < traces.sample)
    }
    let memory = UnsafeMutablePointer<FollowedRequest>.allocate(capacity: 1)
    unsafe memory.initialize(to: followed)
    unsafe exchange.followed = unsafe memory
  }

  /// What the machine has decided, as far as a trace tells of it.
  @inline(never)
  func followStep(_ exchange: Ref<Exchange>, _ action: Action) {
    guard let followed = unsafe exchange.followed, unsafe followed.pointee.isSampled else { return }
    switch action {
    case .choose, .again, .fallBack:
      unsafe followed.pointee.stops(at: nowNanoseconds, exchange.counted, failed: true)
      unsafe followed.pointee.tries(at: nowNanoseconds)
    case .wait: unsafe followed.pointee.waits(at: nowNanoseconds)
    case .send: unsafe followed.pointee.tries(at: nowNanoseconds)
    default: break
    }
  }

  @inline(never)
  fileprivate func writeNames(_ followed: UnsafeMutablePointer<FollowedRequest>, _ out: inout HeadWriter) {
    func add(_ text: UnsafeRawBufferPointer) {
      guard let start = unsafe text.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
      unsafe out.append(start, text.count)
    }
    let (id, trace) = unsafe (followed.pointee.requestIDText, followed.pointee.traceIDText)
    if id.count > 0 {
      out.append("X-Request-Id: ")
      unsafe add(id)
      out.append("\r\n")
    }
    guard trace.count > 0 else { return }
    out.append("traceparent: 00-")
    unsafe add(trace)
    out.append("-")
    let span = unsafe followed.pointee.span
    for shift in stride(from: UInt64(60), through: 0, by: -4) { out.append(hex: span >> shift & 0xF) }
    out.append(unsafe followed.pointee.isSampled ? "-01\r\n" : "-00\r\n")
  }

  /// The client gets the identifier, unless the backend tells one of its own.
  @inline(never)
  fileprivate func writeAnswered(
    _ followed: UnsafeMutablePointer<FollowedRequest>, _ base: UnsafePointer<UInt8>, _ out: inout HeadWriter
  ) {
    let id = unsafe followed.pointee.requestIDText
    guard let start = unsafe id.baseAddress?.assumingMemoryBound(to: UInt8.self), id.count > 0 else {
      return
    }
    for index in 0..<desk.fields.count where unsafe desk.fields.lines[index].isNamed("x-request-id", base) {
      return
    }
    out.append("X-Request-Id: ")
    unsafe out.append(start, id.count)
    out.append("\r\n")
  }

  @inline(never)
  fileprivate func unfollow(_ exchange: Ref<Exchange>) {
    guard let followed = unsafe exchange.followed else { return }
    if unsafe followed.pointee.isSampled {
      unsafe followed.pointee.stops(
        at: nowNanoseconds, exchange.counted, failed: exchange.status == 0 || exchange.status >= 500)
      if let spans = unsafe spans(exchange, followed.pointee) { TraceQueue.ofProcess.add(spans) }
    }
    unsafe followed.pointee.free()
    unsafe followed.deallocate()
    unsafe exchange.followed = nil
  }
}
