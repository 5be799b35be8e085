internal import Bytes
internal import EventLoop
internal import HTTP
internal import TLS
internal import Telemetry

// Content coding: between the content as the backend framed it and as the client's connection frames it. Decided by
// the two heads; then every piece of content goes through `compress` before it becomes chunks or DATA frames.
extension Worker {
  // MARK: The decision

  /// Whether the client would have gzip (RFC 9110 §12.5.3), and does not forbid a change (RFC 9111 §5.2.1.6).
  func wantsGzip(_ base: UnsafePointer<UInt8>) -> Bool {
    var accepted = AcceptEncoding()
    for i in 0..<fields.count where fields.lines[i].name == .other {
      let line = fields.lines[i]
      if line.isNamed("accept-encoding", base) {
        accepted.take(base + Int(line.valueStart), Int(line.valueLength))
      } else if line.isNamed("cache-control", base), line.lists("no-transform", base) {
        return false
      }
    }
    return accepted.wantsGzip
  }

  /// Decides about a response whose head has been parsed, before the client's head is written.
  func chooseCoding(_ x: UnsafeMutablePointer<Exchange>, _ base: UnsafePointer<UInt8>) {
    guard let compression = x.pointee.service?.pointee.compression,
      isCompressible(x, compression.pointee, base)
    else { return }
    x.pointee.variesByCoding = true
    guard x.pointee.wantsGzip else { return }
    if x.pointee.method == .head {
      x.pointee.isCoded = true
      return
    }
    x.pointee.gzip = gzips.acquire(level: compression.pointee.level)
    x.pointee.isCoded = x.pointee.gzip != nil
    counters.add(x.pointee.isCoded ? .compressions : .compressionsRefused)
  }

  private func isCompressible(
    _ x: UnsafeMutablePointer<Exchange>, _ compression: CompiledCompression, _ base: UnsafePointer<UInt8>
  ) -> Bool {
    switch responseHead.status {
    case ..<200, 204, 205, 206, 304: return false
    default: break
    }
    if let length = responseHead.declaredLength, length < compression.minimumBytes { return false }
    if responseHead.framing == .none, x.pointee.method != .head { return false }
    var isCovered = false
    for i in 0..<fields.count {
      let line = fields.lines[i]
      // Trailers would be lost, and with them what they vouch for.
      if line.name == .trailer { return false }
      guard line.name == .other else { continue }
      if line.isNamed("content-encoding", base) || line.isNamed("content-range", base) { return false }
      if line.isNamed("cache-control", base), line.lists("no-transform", base) { return false }
      if line.isNamed("content-type", base) {
        isCovered = compression.covers(base + Int(line.valueStart), Int(line.valueLength))
      }
    }
    return isCovered
  }

  // MARK: The head

  /// Whether a field speaks of the content as it was: its length, its parts, its digest.
  func isReplaced(_ line: FieldLine, _ base: UnsafePointer<UInt8>) -> Bool {
    if line.name == .contentLength { return true }
    guard line.name == .other else { return false }
    return line.isNamed("etag", base) || line.isNamed("accept-ranges", base)
      || line.isNamed("content-digest", base) || line.isNamed("repr-digest", base)
      || line.isNamed("digest", base) || line.isNamed("content-md5", base)
  }

  /// Writes the fields that tell of the coding, and that the response depends on what the client accepts.
  func writeCoding(
    _ out: inout HeadWriter, _ x: UnsafeMutablePointer<Exchange>, _ base: UnsafePointer<UInt8>
  ) {
    guard x.pointee.variesByCoding, let route = x.pointee.route else { return }
    var varies = false
    for i in 0..<fields.count where fields.lines[i].name == .other {
      let line = fields.lines[i]
      if line.isNamed("vary", base) {
        varies = varies || line.lists("accept-encoding", base) || line.lists("*", base)
      } else if x.pointee.isCoded, line.isNamed("etag", base),
        !route.pointee.dropResponse.contains(base + Int(line.nameStart), Int(line.nameLength))
      {
        // Two codings of one thing are not the same bytes (RFC 9110 §8.8.1).
        let isWeak = line.valueLength >= 2 && base[Int(line.valueStart) + 1] == 0x2F
        out.append(isWeak ? "ETag: " : "ETag: W/")
        out.append(base + Int(line.valueStart), Int(line.valueLength))
        out.append("\r\n")
      }
    }
    if x.pointee.isCoded { out.append("Content-Encoding: gzip\r\n") }
    if !varies { out.append("Vary: Accept-Encoding\r\n") }
  }

  // MARK: The content

  /// Compresses a piece of content and hands what comes of it to `emit`, in parts of at most `capacity` bytes that
  /// stand in `out`; the last part of a stream that ends comes with `true`. False when a part could not be sent.
  func compress(
    _ x: UnsafeMutablePointer<Exchange>, _ bytes: UnsafePointer<UInt8>, _ count: Int,
    _ ending: GzipStream.Ending, into out: UnsafeMutablePointer<UInt8>, capacity: Int,
    emit: (Int, Bool) -> Bool
  ) -> Bool {
    guard let gzip = x.pointee.gzip else { return false }
    gzip.give(bytes, count)
    if count > 0 { x.pointee.gzipHolds = true }
    while true {
      guard let step = gzip.step(into: out, capacity: capacity, ending) else { return false }
      if ending != .none, step.isDone { x.pointee.gzipHolds = false }
      guard emit(step.produced, step.isDone && ending == .finish) else { return false }
      if step.isDone { return true }
    }
  }

  /// Sends a range of content compressed, behind `head` bytes of head that stand right before it. False when the
  /// client's connection has failed.
  func sendCompressed(
    _ u: UnsafeMutablePointer<UpstreamConnection>, _ x: UnsafeMutablePointer<Exchange>,
    _ d: UnsafeMutablePointer<Downstream>, _ buffer: UnsafeMutablePointer<UInt8>, _ content: ContentRange,
    head: Int, ended: Bool
  ) -> Bool {
    // More is at hand: it may share a block with this.
    let isPaused = !hasUnread(u)
    let start = buffer + content.from
    return sendCompressed(
      x, d, head: UnsafeBufferPointer(start: start - head, count: head), start, content.to - content.from,
      ended ? .finish : isPaused ? .flush : .none)
  }

  /// Lets go what the compressor has kept, because the backend pauses or has ended. False when the client's
  /// connection has failed.
  func flushCompressed(
    _ x: UnsafeMutablePointer<Exchange>, _ d: UnsafeMutablePointer<Downstream>, ending: GzipStream.Ending
  ) -> Bool {
    guard x.pointee.gzip != nil, x.pointee.gzipHolds || ending == .finish else { return true }
    return sendCompressed(x, d, head: UnsafeBufferPointer(start: nil, count: 0), scratch, 0, ending)
  }

  private func sendCompressed(
    _ x: UnsafeMutablePointer<Exchange>, _ d: UnsafeMutablePointer<Downstream>,
    head: UnsafeBufferPointer<UInt8>, _ bytes: UnsafePointer<UInt8>, _ count: Int, _ ending: GzipStream.Ending
  ) -> Bool {
    let out = buffers.acquireUnbounded()
    defer { buffers.release(out) }
    if let from = head.baseAddress { out.update(from: from, count: head.count) }
    var waiting = head.count
    let from = head.count + ChunkLine.room
    // Behind the content there is room for the end of its chunk and for the last chunk.
    let capacity = Downstream.bufferSize - from - 16
    guard capacity > 0 else { return false }
    if let s = d.pointee.stream {
      return compress(x, bytes, count, ending, into: out + from, capacity: capacity) { produced, isLast in
        x.pointee.bytesOut += UInt64(produced)
        // What ends without content is ended with the response.
        guard produced > 0 else { return true }
        return sendContent(d, s, out + from, produced, isLast: isLast && x.pointee.trailers.isEmpty)
      }
    }
    let isChunked = x.pointee.minorVersion == 1
    let hasTrailers = !x.pointee.trailers.isEmpty
    let isSent = compress(x, bytes, count, ending, into: out + from, capacity: capacity) { produced, isLast in
      var first = from - waiting
      var end = from + produced
      if isChunked {
        let range = ContentRange(from: from, to: from + produced)
        (first, end) = ChunkLine.wrap(out, range, head: waiting, last: false)
        // Without content there is no size line, and the head stands where it was put.
        if produced == 0 { (first, end) = (0, waiting) }
        if isLast, !hasTrailers { end = Self.appendLastChunk(out, at: end) }
      } else if waiting > 0 {
        (out + from - waiting).update(from: out, count: waiting)
      }
      waiting = 0
      guard end > first else { return true }
      x.pointee.responseStarted = true
      x.pointee.bytesOut += UInt64(produced)
      return send(d, out + first, end - first)
    }
    guard isSent, isChunked, hasTrailers, ending == .finish else { return isSent }
    return sendLastChunk(x, d)
  }

  static func appendLastChunk(_ out: UnsafeMutablePointer<UInt8>, at end: Int) -> Int {
    let last: StaticString = "0\r\n\r\n"
    (out + end).update(from: last.utf8Start, count: last.utf8CodeUnitCount)
    return end + last.utf8CodeUnitCount
  }

  /// Gives the compressor back.
  func releaseCompressor(_ x: UnsafeMutablePointer<Exchange>) {
    guard let gzip = x.pointee.gzip else { return }
    gzips.release(gzip)
    x.pointee.gzip = nil
  }
}

extension FieldLine {
  /// Whether the name is a lower-case literal in any letter case.
  func isNamed(_ literal: StaticString, _ base: UnsafePointer<UInt8>) -> Bool {
    ASCII.same(base + Int(nameStart), Int(nameLength), literal)
  }

  /// Whether the value, a list, has an element of that name; parameters do not count.
  func lists(_ literal: StaticString, _ base: UnsafePointer<UInt8>) -> Bool {
    var found = false
    ListElements.forEach(base + Int(valueStart), Int(valueLength)) { element, count in
      found = ASCII.same(element, count, literal)
      return !found
    }
    return found
  }
}
