internal import Exchange
internal import HTTP

/// What a request shows that may be a key, one after another: as a bearer token (RFC 6750 §2.1), as OpenAI's clients do; as
/// `x-api-key`, as Anthropic's do; as `api-key`, as Azure's do; as the password of basic authentication (RFC 7617); and among
/// WebSocket's protocols, where a browser can say nothing else (OpenAI, "Realtime API with WebSockets").
enum ShownKeys {
  private static let authorization: StaticString = "authorization"
  private static let apiKey: StaticString = "x-api-key"
  private static let azureKey: StaticString = "api-key"
  private static let protocols: StaticString = "sec-websocket-protocol"
  private static let bearer: StaticString = "bearer "
  private static let basic: StaticString = "basic "
  private static let element: StaticString = "openai-insecure-api-key."

  /// The most texts of one request that are looked at.
  static let maximumCount = 8
  /// The longest value of basic authentication that is read, in bytes.
  static let maximumBasicBytes = 1024

  /// Calls `body` with each until it says that it has seen enough. `room` holds at least `maximumBasicBytes`, and what is
  /// decoded into it. `isToken`: the text stands among the protocols.
  static func forEach(
    _ desk: borrowing Desk, _ base: UnsafePointer<UInt8>, room: UnsafeMutablePointer<UInt8>,
    _ body: (_ text: UnsafePointer<UInt8>, _ count: Int, _ isToken: Bool) -> Bool
  ) {
    var seen = 0
    for i in 0..<desk.fields.count {
      let line = unsafe desk.fields.lines[i]
      let (name, length) = unsafe (base + Int(line.nameStart), Int(line.nameLength))
      let (value, count) = unsafe (base + Int(line.valueStart), Int(line.valueLength))
      guard length == 13 || length == 9 || length == 7 || length == 22, seen < maximumCount else { continue }
      if unsafe ASCII.same(name, length, authorization) {
        seen += 1
        let (long, short) = (bearer.utf8CodeUnitCount, basic.utf8CodeUnitCount)
        if unsafe count > long && ASCII.same(value, long, bearer) {
          if unsafe body(value + long, count - long, false) { return }
        } else if unsafe count > short && ASCII.same(value, short, basic) {
          let (start, end) = unsafe password(value + short, count - short, room)
          if unsafe end > start && body(room + start, end - start, false) { return }
        }
      } else if unsafe ASCII.same(name, length, apiKey) || ASCII.same(name, length, azureKey) {
        seen += 1
        if unsafe count > 0 && body(value, count, false) { return }
      } else if unsafe ASCII.same(name, length, protocols) {
        var isEnough = false
        unsafe ListElements.forEach(value, count) { text, textCount in
          let start = element.utf8CodeUnitCount
          guard unsafe textCount > start && ASCII.same(text, start, element), seen < maximumCount else {
            return true
          }
          seen += 1
          isEnough = unsafe body(text + start, textCount - start, true)
          return !isEnough
        }
        if isEnough { return }
      }
    }
  }

  /// Decodes base64 (RFC 4648 §4) and tells where the password stands in what it has written.
  private static func password(
    _ text: UnsafePointer<UInt8>, _ count: Int, _ room: UnsafeMutablePointer<UInt8>
  ) -> (start: Int, end: Int) {
    guard count <= maximumBasicBytes else { return (0, 0) }
    var (bits, held, written, colon): (UInt32, UInt32, Int, Int) = (0, 0, 0, -1)
    for i in 0..<count {
      let c = unsafe text[i]
      let value: UInt8
      switch c {
      case 0x41...0x5A: value = c - 0x41
      case 0x61...0x7A: value = c - 0x61 + 26
      case 0x30...0x39: value = c - 0x30 + 52
      case 0x2B: value = 62
      case 0x2F: value = 63
      case 0x3D: continue
      default: return (0, 0)
      }
      bits = bits << 6 | UInt32(value)
      held += 6
      guard held >= 8 else { continue }
      held -= 8
      let byte = UInt8(truncatingIfNeeded: bits >> held)
      // Secrets are visible ASCII: nothing else is one, nor what is looked up beside them.
      if colon >= 0, byte <= 0x20 || byte >= 0x7F { return (0, 0) }
      unsafe room[written] = byte
      if byte == 0x3A, colon < 0 { colon = written }
      written += 1
    }
    return colon < 0 ? (0, 0) : (colon + 1, written)
  }
}
