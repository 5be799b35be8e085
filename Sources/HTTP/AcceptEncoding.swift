/// What a client says of content codings (RFC 9110 §12.5.3), as far as gzip is concerned. Give it the value of every
/// Accept-Encoding field line, then ask.
///
/// It is careful: a weight that is no weight counts as zero, and nothing said at all means no.
public struct AcceptEncoding: BitwiseCopyable, Sendable {
  /// Weights in thousandths.
  private var gzip: Int?
  private var identity: Int?
  private var others: Int?

  /// Nothing said yet.
  public init() {}

  /// Whether a response should be compressed with gzip: it is acceptable, and not less welcome than plain content.
  public var wantsGzip: Bool {
    guard let weight = gzip ?? others, weight > 0 else { return false }
    return weight >= identity ?? 0
  }

  /// Takes in the value of one field line.
  public mutating func take(_ value: UnsafePointer<UInt8>, _ count: Int) {
    var gathered = self
    unsafe ListElements.forEach(value, count) { element, length in
      unsafe gathered.takeElement(element, length)
      return true
    }
    self = gathered
  }

  private mutating func takeElement(_ p: UnsafePointer<UInt8>, _ count: Int) {
    var end = 0
    while end < count, unsafe p[end] != 0x3B, unsafe p[end] != 0x20, unsafe p[end] != 0x09 { end += 1 }
    let weight = unsafe Self.weight(p, from: end, to: count)
    switch end {
    case 1 where unsafe p[0] == 0x2A: others = weight
    case 4 where unsafe FieldName.matches(p, "gzip"): gzip = max(gzip ?? 0, weight)
    // The old name is the same coding (RFC 9110 §8.4.1.3).
    case 6 where unsafe FieldName.matches(p, "x-gzip"): gzip = max(gzip ?? 0, weight)
    case 8 where unsafe FieldName.matches(p, "identity"): identity = weight
    default: break
    }
  }

  /// `OWS ";" OWS "q=" qvalue`; a thousand when there is none.
  private static func weight(_ p: UnsafePointer<UInt8>, from start: Int, to end: Int) -> Int {
    var at = start
    func skipBlanks() { while at < end, unsafe p[at] == 0x20 || p[at] == 0x09 { at += 1 } }
    skipBlanks()
    guard at < end else { return 1000 }
    guard unsafe p[at] == 0x3B else { return 0 }
    at += 1
    skipBlanks()
    guard at + 2 < end, unsafe p[at] | 0x20 == 0x71, unsafe p[at + 1] == 0x3D,
      unsafe p[at + 2] == 0x30 || p[at + 2] == 0x31
    else {
      return 0
    }
    var value = unsafe Int(p[at + 2] - 0x30) * 1000
    at += 3
    guard at < end else { return value }
    guard unsafe p[at] == 0x2E, end - at <= 4 else { return 0 }
    var scale = 100
    for i in at + 1..<end {
      guard unsafe p[i] &- 0x30 < 10 else { return 0 }
      unsafe value += Int(p[i] - 0x30) * scale
      scale /= 10
    }
    return value <= 1000 ? value : 0
  }
}
