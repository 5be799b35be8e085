internal import EventLoop
internal import Exchange
internal import HTTP

// Usage that we have asked for and the client has not: the event that tells it is left out of the stream (OpenAI,
// `stream_options.include_usage`: it has no choices). What is not yet known to be such an event is held back until it is whole.
extension Worker {
  /// The longest event that is held back, in bytes: what is longer is no event of usage.
  private static let maximumHeldBytes = 16 * 1024

  /// Leaves events of usage out of a range of content. `ended`: nothing comes behind it. False when the client is gone.
  @inline(never)
  func filterUsage(
    _ model: Ref<ModelRequest>, _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>,
    _ buffer: UnsafeMutablePointer<UInt8>, _ content: inout ContentRange, ended: Bool
  ) -> Bool {
    var from = content.from
    if !model.heldEvent.isEmpty {
      let end = unsafe Self.eventEnd(
        buffer, from, content.to, begun: model.heldEvent.bytes.last { $0 != 0x0D })
      let count = (end ?? content.to) - from
      unsafe model.heldEvent.append(buffer + from, count)
      from += count
      let isTooLong = end == nil && model.heldEvent.count > Self.maximumHeldBytes
      if end != nil || ended && from == content.to || isTooLong {
        // From here on nothing is left out: nobody knows any more where events begin.
        if isTooLong { model.filtersUsage = false }
        guard sendHeld(model, exchange, client) else { return false }
      }
    }
    // What stays moves together behind what was sent before.
    content.from = from
    guard model.filtersUsage else { return true }
    var (kept, at) = (from, from)
    while let end = unsafe Self.eventEnd(buffer, at, content.to, begun: nil) {
      let event = unsafe UnsafeBufferPointer(start: buffer + at, count: end - at)
      if unsafe !Self.tellsUsageOnly(event) {
        if kept != at { unsafe (buffer + kept).update(from: buffer + at, count: end - at) }
        kept += end - at
      }
      at = end
    }
    let rest = content.to - at
    if rest > 0 {
      let event = unsafe UnsafeBufferPointer(start: buffer + at, count: rest)
      if ended ? unsafe !Self.tellsUsageOnly(event) : rest > Self.maximumHeldBytes {
        if kept != at { unsafe (buffer + kept).update(from: buffer + at, count: rest) }
        kept += rest
        model.filtersUsage = false
      } else if !ended {
        unsafe model.heldEvent.append(buffer + at, rest)
      }
    }
    content.to = kept
    return true
  }

  /// Sends what is held back, unless it is what the client has not asked for. False when the client is gone.
  func sendHeld(_ model: Ref<ModelRequest>, _ exchange: Ref<Exchange>, _ client: Ref<ClientConnection>)
    -> Bool
  {
    defer { model.heldEvent.free() }
    let held = unsafe model.heldEvent.bytes
    guard let base = held.baseAddress, unsafe !Self.tellsUsageOnly(held) else { return true }
    if exchange.version == .http10 {
      exchange.bytesOut += UInt64(held.count)
      return unsafe sendToClient(client, base, held.count, isLast: false)
    }
    var sent = 0
    while sent < held.count {
      let count = min(held.count - sent, Self.maximumHeldBytes)
      guard unsafe sendBetween(exchange, client, base + sent, count) else { return false }
      sent += count
    }
    return true
  }

  /// Where the first event ends that begins at or before a place: behind its empty line. `begun`: the byte before.
  private static func eventEnd(
    _ buffer: UnsafePointer<UInt8>, _ from: Int, _ to: Int, begun: UInt8?
  ) -> Int? {
    var isAtLineEnd = begun == 0x0A
    for at in from..<max(from, to) {
      let byte = unsafe buffer[at]
      if byte == 0x0A {
        if isAtLineEnd { return at + 1 }
        isAtLineEnd = true
      } else if byte != 0x0D {
        isAtLineEnd = false
      }
    }
    return nil
  }

  /// Whether an event has usage and no choice. Quotes within texts have a backslash before them, so that names of members
  /// cannot be taken for something else.
  static func tellsUsageOnly(_ event: UnsafeBufferPointer<UInt8>) -> Bool {
    let usage = unsafe valueBegins(event, "\"usage\"", 0x7B)
    guard usage != nil, let list = unsafe valueBegins(event, "\"choices\"", 0x5B) else { return false }
    let next = unsafe event[list...].first { !isSpace($0) }
    return next == 0x5D
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

  /// The place behind the first byte of a member's value, where that is `first`.
  private static func valueBegins(
    _ event: UnsafeBufferPointer<UInt8>, _ name: StaticString, _ first: UInt8
  ) -> Int? {
    let count = name.utf8CodeUnitCount
    var at = 0
    while at + count < event.count {
      var same = 0
      while same < count, unsafe event[at + same] == name.utf8Start[same] { same += 1 }
      guard same == count else {
        at += 1
        continue
      }
      at += count
      while at < event.count, unsafe isSpace(event[at]) || event[at] == 0x3A { at += 1 }
      if at < event.count, unsafe event[at] == first { return at + 1 }
    }
    return nil
  }
}
