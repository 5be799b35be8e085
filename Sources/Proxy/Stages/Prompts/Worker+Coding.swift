internal import EventLoop
internal import Exchange
internal import HTTP
internal import ModelAPI
internal import Telemetry

// Content that comes compressed: inflated to be read, and passed on as it came, unless something has to be written into it.
extension Worker {
  private static let codingName: StaticString = "content-encoding"

  /// Notes how the content of the request on the desk is coded.
  @inline(never)
  func noteCoding(_ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>) {
    var coding = RequestCoding.none
    for i in 0..<desk.fields.count where unsafe desk.fields.lines[i].name == .other {
      let line = unsafe desk.fields.lines[i]
      guard unsafe line.isNamed(Self.codingName, base) else { continue }
      let (value, count) = unsafe (base + Int(line.valueStart), Int(line.valueLength))
      let found: RequestCoding
      if unsafe count == 0 || ASCII.same(value, count, "identity") {
        found = .none
      } else if unsafe ASCII.same(value, count, "gzip") || ASCII.same(value, count, "x-gzip") {
        found = .gzip
      } else {
        found = unsafe ASCII.same(value, count, "deflate") ? .deflate : .unknown
      }
      if found != .none { coding = coding == .none ? found : .unknown }
    }
    if coding != .none { modelRequest(exchange).coding = coding }
  }

  /// Feeds a scan with content that is coded.
  @inline(never)
  func scanCoded(_ scan: inout RequestScan, _ exchange: Ref<Exchange>, _ coding: RequestCoding, isWhole: Bool)
  {
    let content = unsafe UnsafeBufferPointer(
      rebasing: exchange.collected.bytes.dropFirst(exchange.collectedFront))
    guard coding != .unknown else { return scan.refuse(.coding, at: 0) }
    // A scan holds a pointer and no more: the copy is read, and put back.
    var reading = scan
    let ending = unsafe inflater.inflate(content, coding) { unsafe reading.feed($0) }
    scan = reading
    switch ending {
    case .whole: if isWhole { scan.end() }
    case .cut: if isWhole { scan.refuse(.coded, at: content.count) }
    case .malformed: scan.refuse(.coded, at: 0)
    case .tooMuch: scan.refuse(.inflated, at: 0)
    }
  }

  /// Keeps the content inflated from here on, since another name of the model is written into it. Why not, where that cannot be.
  @inline(never)
  func keepInflated(_ exchange: Ref<Exchange>, _ model: Ref<ModelRequest>) -> OwnAnswer? {
    let front = exchange.collectedFront
    let kept = unsafe exchange.collected.bytes
    guard let base = kept.baseAddress else { return .badRequest }
    var plain = ParkedOutput()
    unsafe plain.append(base, front)
    var hasRoom = true
    let most = roomToKeep + exchange.collected.count
    let ending = unsafe inflater.inflate(
      UnsafeBufferPointer(rebasing: kept.dropFirst(front)), model.coding
    ) { piece in
      guard hasRoom, let start = piece.baseAddress else { return }
      hasRoom = plain.count + piece.count <= most
      if hasRoom { unsafe plain.append(start.assumingMemoryBound(to: UInt8.self), piece.count) }
    }
    guard ending == .whole, hasRoom else {
      plain.free()
      if !hasRoom { counters.add(.contentWithoutRoom) }
      return hasRoom ? .badRequest : .overloaded
    }
    collectedBytes += plain.count - exchange.collected.count
    exchange.collected.free()
    exchange.collected = plain
    model.coding = .none
    model.isInflated = true
    model.readBytes = plain.count - front
    return nil
  }

  /// Takes the field off the head that says how the content had come.
  @inline(never)
  func dropCoding(
    _ client: Ref<ClientConnection>, _ exchange: Ref<Exchange>, _ buffer: UnsafeMutablePointer<UInt8>
  ) {
    var line = client.start
    let end = client.start + exchange.requestHeadLength
    while line < end {
      var next = line
      while unsafe next < end && buffer[next] != 0x0A { next += 1 }
      next = min(next + 1, end)
      let length = Self.codingName.utf8CodeUnitCount
      guard next - line > length, unsafe buffer[line + length] == 0x3A,
        unsafe ASCII.same(buffer + line, length, Self.codingName)
      else {
        line = next
        continue
      }
      let count = next - line
      unsafe (buffer + client.start + count).update(from: buffer + client.start, count: line - client.start)
      client.start += count
      exchange.requestHeadLength -= count
      line = next
    }
    client.sent = client.start
  }
}
