internal import Bytes
internal import EventLoop
internal import Exchange
internal import HTTP
internal import TLS
internal import Telemetry

// Content coding: between the content as the backend framed it and as the client's connection frames it. Decided by
// the two heads; then every piece of content goes through `compress` before it becomes chunks or DATA frames.

/// What an exchange knows of the coding of its content.
struct Coding: BitwiseCopyable {
  /// The client would have gzip.
  var wantsGzip = false
  /// The response may be compressed for one client and not for another.
  var varies = false
  /// The response's head says gzip: also to HEAD, which has no content to compress (RFC 9110 §9.3.2).
  var isCoded = false
  /// Compresses the response's content; owned.
  var gzip: GzipStream?
  /// The compressor has content that has not come out of it.
  var holds = false
}

struct Compression: Stage {
  @inline(__always)
  func begin(_ worker: Worker, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>) {
    // Which service it will be is not known yet where the model decides.
    if unsafe exchange.service?.pointee.compression != nil || exchange.route?.pointee.models != nil {
      exchange.coding.wantsGzip = unsafe worker.wantsGzip(base)
    }
  }

  @inline(__always)
  func choose(_ worker: Worker, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>) {
    unsafe worker.chooseCoding(exchange, base)
  }

  @inline(__always)
  func writeResponse(
    _ worker: Worker, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>, _ out: inout HeadWriter
  ) {
    if exchange.coding.varies { unsafe worker.writeCoding(&out, exchange, base) }
  }

  @inline(__always)
  func end(_ worker: Worker, _ exchange: Ref<Exchange>) { worker.releaseCompressor(exchange) }
}

extension Worker {
  // MARK: The decision

  /// Whether the client would have gzip (RFC 9110 §12.5.3), and does not forbid a change (RFC 9111 §5.2.1.6).
  fileprivate func wantsGzip(_ base: UnsafePointer<UInt8>) -> Bool {
    var accepted = AcceptEncoding()
    for i in 0..<desk.fields.count where unsafe desk.fields.lines[i].name == .other {
      let line = unsafe desk.fields.lines[i]
      if unsafe line.isNamed("accept-encoding", base) {
        unsafe accepted.take(base + Int(line.valueStart), Int(line.valueLength))
      } else if unsafe line.isNamed("cache-control", base), unsafe line.lists("no-transform", base) {
        return false
      }
    }
    return accepted.wantsGzip
  }

  /// Decides about a response whose head has been parsed, before the client's head is written.
  fileprivate func chooseCoding(_ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>) {
    guard let compression = unsafe exchange.service?.pointee.compression,
      unsafe isCompressible(exchange, compression.pointee, base)
    else { return }
    exchange.coding.varies = true
    // What leaves a stream by events cannot be told apart any more behind a compressor.
    guard exchange.coding.wantsGzip, exchange.model?.addsUsage != true else { return }
    if exchange.method == .head {
      exchange.coding.isCoded = true
      return
    }
    exchange.coding.gzip = unsafe gzips.acquire(level: compression.pointee.level)
    exchange.coding.isCoded = exchange.coding.gzip != nil
    counters.add(exchange.coding.isCoded ? .compressions : .compressionsRefused)
  }

  private func isCompressible(
    _ exchange: Ref<Exchange>, _ compression: CompiledCompression, _ base: UnsafePointer<UInt8>
  ) -> Bool {
    switch desk.response.status {
    case ..<200, 204, 205, 206, 304: return false
    default: break
    }
    if let length = desk.response.declaredLength, length < compression.minimumBytes { return false }
    if desk.response.framing == .none, exchange.method != .head { return false }
    var isCovered = false
    for i in 0..<desk.fields.count {
      let line = unsafe desk.fields.lines[i]
      // Trailers would be lost, and with them what they vouch for.
      if line.name == .trailer { return false }
      guard line.name == .other else { continue }
      if unsafe line.isNamed("content-encoding", base) || line.isNamed("content-range", base) { return false }
      if unsafe line.isNamed("cache-control", base), unsafe line.lists("no-transform", base) { return false }
      if unsafe line.isNamed("content-type", base) {
        isCovered = unsafe compression.covers(base + Int(line.valueStart), Int(line.valueLength))
      }
    }
    return isCovered
  }

  // MARK: The head

  /// Writes the fields that tell of the coding, and that the response depends on what the client accepts.
  fileprivate func writeCoding(
    _ out: inout HeadWriter, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>
  ) {
    guard let route = unsafe exchange.route else { return }
    var varies = false
    for i in 0..<desk.fields.count where unsafe desk.fields.lines[i].name == .other {
      let line = unsafe desk.fields.lines[i]
      if unsafe line.isNamed("vary", base) {
        varies = unsafe varies || line.lists("accept-encoding", base) || line.lists("*", base)
      } else if exchange.coding.isCoded, unsafe line.isNamed("etag", base),
        unsafe !route.pointee.response.drop.contains(base + Int(line.nameStart), Int(line.nameLength))
      {
        // Two codings of one thing are not the same bytes (RFC 9110 §8.8.1).
        let isWeak = unsafe line.valueLength >= 2 && base[Int(line.valueStart) + 1] == 0x2F
        out.append(isWeak ? "ETag: " : "ETag: W/")
        unsafe out.append(base + Int(line.valueStart), Int(line.valueLength))
        out.append("\r\n")
      }
    }
    if exchange.coding.isCoded { out.append("Content-Encoding: gzip\r\n") }
    if !varies { out.append("Vary: Accept-Encoding\r\n") }
  }

  // MARK: The content

  /// Compresses a piece of content and hands what comes of it to `emit`, in parts of at most `capacity` bytes that
  /// stand in `out`; the last part of a stream that ends comes with `true`. False when a part could not be sent.
  func compress(
    _ exchange: Ref<Exchange>, _ bytes: UnsafePointer<UInt8>, _ count: Int,
    _ ending: GzipStream.Ending, into out: UnsafeMutablePointer<UInt8>, capacity: Int,
    emit: (Int, Bool) -> Bool
  ) -> Bool {
    guard let gzip = exchange.coding.gzip else { return false }
    unsafe gzip.give(bytes, count)
    if count > 0 { exchange.coding.holds = true }
    while true {
      guard let step = unsafe gzip.step(into: out, capacity: capacity, ending) else { return false }
      if ending != .none, step.isDone { exchange.coding.holds = false }
      guard emit(step.produced, step.isDone && ending == .finish) else { return false }
      if step.isDone { return true }
    }
  }

  /// Sends a range of content compressed, behind `head` bytes of head that stand right before it. False when the
  /// client's connection has failed.
  func sendCompressed(
    _ backend: Ref<BackendConnection>, _ exchange: Ref<Exchange>,
    _ client: Ref<ClientConnection>, _ buffer: UnsafeMutablePointer<UInt8>, _ content: ContentRange,
    head: Int, ended: Bool
  ) -> Bool {
    // More is at hand: it may share a block with this.
    let isPaused = !backendHasUnread(backend)
    let start = unsafe buffer + content.from
    return unsafe sendCompressedParts(
      exchange, client, head: UnsafeBufferPointer(start: start - head, count: head), start,
      content.to - content.from,
      ended ? .finish : isPaused ? .flush : .none)
  }

  /// Lets go what the compressor has kept, because the backend pauses or has ended. False when the client's
  /// connection has failed.
  func flushCompressed(
    _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>, ending: GzipStream.Ending
  ) -> Bool {
    guard exchange.coding.gzip != nil, exchange.coding.holds || ending == .finish else { return true }
    return unsafe sendCompressedParts(
      exchange, client, head: UnsafeBufferPointer(start: nil, count: 0), desk.scratch, 0, ending)
  }

  private func sendCompressedParts(
    _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>,
    head: UnsafeBufferPointer<UInt8>, _ bytes: UnsafePointer<UInt8>, _ count: Int, _ ending: GzipStream.Ending
  ) -> Bool {
    let out = unsafe buffers.acquireUnbounded()
    defer { unsafe buffers.release(out) }
    if let from = head.baseAddress { unsafe out.update(from: from, count: head.count) }
    var waiting = head.count
    let from = head.count + ChunkLine.room
    // Behind the content there is room for the end of its chunk and for the last chunk.
    let capacity = Layout.size - from - 16
    guard capacity > 0 else { return false }
    if exchange.version == .http2 {
      return unsafe compress(exchange, bytes, count, ending, into: out + from, capacity: capacity) {
        produced, isLast in
        exchange.bytesOut += UInt64(produced)
        // What ends without content is ended with the response.
        guard produced > 0 else { return true }
        return unsafe sendToClient(
          client, out + from, produced, isLast: isLast && exchange.trailers.isEmpty)
      }
    }
    let isChunked = exchange.version == .http11
    let hasTrailers = !exchange.trailers.isEmpty
    let isSent = unsafe compress(exchange, bytes, count, ending, into: out + from, capacity: capacity) {
      produced, isLast in
      var first = from - waiting
      var end = from + produced
      if isChunked {
        let range = ContentRange(from: from, to: from + produced)
        (first, end) = unsafe ChunkLine.wrap(out, range, head: waiting)
        // Without content there is no size line, and the head stands where it was put.
        if produced == 0 { (first, end) = (0, waiting) }
        if isLast, !hasTrailers { end = unsafe ChunkLine.appendLast(out, at: end) }
      } else if waiting > 0 {
        unsafe (out + from - waiting).update(from: out, count: waiting)
      }
      waiting = 0
      guard end > first else { return true }
      exchange.machine.headLeaves()
      exchange.bytesOut += UInt64(produced)
      return unsafe sendToClient(client, out + first, end - first, isLast: false)
    }
    guard isSent, isChunked, hasTrailers, ending == .finish else { return isSent }
    return sendLastChunk(exchange, client)
  }

  /// Gives the compressor back.
  fileprivate func releaseCompressor(_ exchange: Ref<Exchange>) {
    guard let gzip = exchange.coding.gzip else { return }
    gzips.release(gzip)
    exchange.coding.gzip = nil
  }
}
