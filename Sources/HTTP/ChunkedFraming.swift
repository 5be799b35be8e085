/// Follows chunked content (RFC 9112 §7.1) through a stream of bytes without copying or changing it.
///
/// Strict: bare LF, white space around sizes, sizes of 2^63 and more, control characters in extensions and
/// framing or routing fields among the trailers are refused.
public struct ChunkedFraming: BitwiseCopyable, Sendable {
  /// The longest chunk-size line, extensions included, in bytes.
  public static let maximumLineBytes: UInt32 = 1024
  /// The longest trailer section in bytes.
  public static let maximumTrailerBytes: UInt32 = 8 * 1024

  private enum State: UInt8, BitwiseCopyable {
    case size, sizeDigits, sizeSpace, ext, sizeLF, data, dataCR, dataLF
    case trailerStart, trailerName, trailerValue, trailerLF, endLF, done
  }

  /// What a scan found.
  public enum Outcome: Equatable, Sendable {
    /// All bytes belong to the content, which goes on.
    case more
    /// The content ends after so many of the bytes.
    case end(Int)
    /// The content is not well-formed.
    case failed(ParseError)
  }

  private var state = State.size
  private var left: UInt64 = 0
  private var lineBytes: UInt32 = 0
  private var digits: UInt8 = 0
  private var nameHash: UInt64 = 0

  /// White space may stand behind a chunk's size, as some backends write it; of a client that is an attack.
  private let allowsSpace: Bool

  /// No field may stand behind the content.
  public private(set) var forbidsTrailers = false

  /// Takes content with a field behind it for malformed from here on.
  public mutating func forbidTrailers() { forbidsTrailers = true }

  /// The beginning of some content.
  public init(allowsSpace: Bool = false) { self.allowsSpace = allowsSpace }

  /// Whether what comes next is the size of a chunk, of which nothing has come.
  public var isBetweenChunks: Bool { state == .size }

  /// How content can go on in chunks as it comes, behind one chunk that has all so far.
  public struct Joint: Equatable, BitwiseCopyable, Sendable {
    /// What is still to come of that chunk, in bytes.
    public let left: UInt64
    /// What stands behind it of what has come already: the end of its line, the size of the next one, the end of that.
    public let end: StaticString
    /// The next one's size, as far as it has come.
    public let size: UInt64?
    /// What has come behind the size.
    public let sizeEnd: StaticString

    /// A joint.
    public init(left: UInt64 = 0, end: StaticString = "", size: UInt64? = nil, sizeEnd: StaticString = "") {
      self.left = left
      self.end = end
      self.size = size
      self.sizeEnd = sizeEnd
    }

    /// Whether two are the same.
    public static func == (a: Self, b: Self) -> Bool {
      a.left == b.left && a.size == b.size && "\(a.end)\(a.sizeEnd)" == "\(b.end)\(b.sizeEnd)"
    }
  }

  /// How content can go on from here; nil within an extension, or behind the last chunk.
  public var joint: Joint? {
    switch state {
    case .data: Joint(left: left)
    case .dataCR: Joint()
    case .dataLF: Joint(end: "\r")
    case .size: Joint(end: "\r\n")
    case .sizeDigits: Joint(end: "\r\n", size: left)
    case .sizeLF: Joint(end: "\r\n", size: left, sizeEnd: "\r")
    default: nil
    }
  }

  /// Whether the last chunk and the trailers have been seen.
  public var isDone: Bool { state == .done }

  /// Follows `count` bytes. `data` is told the ranges that are payload, `trailer` the bytes of trailer lines,
  /// where given.
  @inline(__always)
  public mutating func scan(
    _ p: UnsafePointer<UInt8>, _ count: Int, data: (Int, Int) -> Void = { _, _ in },
    trailer: (UInt8) -> Void = { _ in }
  ) -> Outcome {
    if state == .done { return .end(0) }
    var i = 0
    while i < count {
      if state == .data {
        let n = Int(min(UInt64(count - i), left))
        data(i, n)
        left -= UInt64(n)
        i += n
        if left == 0 { state = .dataCR }
        continue
      }
      if isInTrailer, unsafe state != .trailerStart || p[i] != 0x0D { unsafe trailer(p[i]) }
      if let error = unsafe step(p[i]) { return .failed(error) }
      i += 1
      if state == .done { return .end(i) }
    }
    return .more
  }

  private var isInTrailer: Bool {
    state == .trailerStart || state == .trailerName || state == .trailerValue || state == .trailerLF
  }

  private mutating func step(_ c: UInt8) -> ParseError? {
    switch state {
    case .size, .sizeDigits, .sizeSpace, .ext, .sizeLF: return stepSize(c)
    case .dataCR:
      guard c == 0x0D else { return .malformedChunkEnd }
      state = .dataLF
    case .dataLF:
      guard c == 0x0A else { return .malformedChunkEnd }
      state = .size
      lineBytes = 0
      digits = 0
    case .data, .done: break
    default: return stepTrailer(c)
    }
    return nil
  }

  private mutating func stepSize(_ c: UInt8) -> ParseError? {
    lineBytes += 1
    guard lineBytes <= Self.maximumLineBytes else { return .chunkExtensionTooLong }
    switch state {
    case .size, .sizeDigits:
      if let digit = hexValue(c) {
        guard digits < 16, left >> 59 == 0 else { return .malformedChunkSize }
        left = left << 4 | UInt64(digit)
        digits += 1
        state = .sizeDigits
        return nil
      }
      guard digits > 0 else { return .malformedChunkSize }
      if c == 0x3B { state = .ext } else if c == 0x0D { state = .sizeLF } else { return takeSpace(c) }
    case .sizeSpace:
      if c == 0x3B { state = .ext } else if c == 0x0D { state = .sizeLF } else { return takeSpace(c) }
    case .ext:
      if c == 0x0D { state = .sizeLF } else if !Characters.isValue(c) { return .malformedChunkSize }
    default:
      guard c == 0x0A else { return .malformedChunkSize }
      state = left == 0 ? .trailerStart : .data
      lineBytes = 0
      digits = 0
    }
    return nil
  }

  private mutating func takeSpace(_ c: UInt8) -> ParseError? {
    guard allowsSpace, c == 0x20 || c == 0x09 else { return .malformedChunkSize }
    state = .sizeSpace
    return nil
  }

  private mutating func stepTrailer(_ c: UInt8) -> ParseError? {
    lineBytes += 1
    guard lineBytes <= Self.maximumTrailerBytes else { return .trailerTooLarge }
    switch state {
    case .trailerStart:
      if c == 0x0D {
        state = .endLF
        return nil
      }
      guard Characters.isToken(c) else { return .malformedTrailer }
      nameHash = Self.hash(Self.hashStart, c)
      state = .trailerName
    case .trailerName:
      if c == 0x3A {
        guard !forbidsTrailers, !Self.forbidden(nameHash) else { return .forbiddenTrailer }
        state = .trailerValue
      } else if Characters.isToken(c) {
        nameHash = Self.hash(nameHash, c)
      } else {
        return .malformedTrailer
      }
    case .trailerValue:
      if c == 0x0D { state = .trailerLF } else if !Characters.isValue(c) { return .malformedTrailer }
    case .trailerLF:
      guard c == 0x0A else { return .malformedTrailer }
      state = .trailerStart
    default:
      guard c == 0x0A else { return .malformedTrailer }
      state = .done
    }
    return nil
  }

  @inline(__always)
  private func hexValue(_ c: UInt8) -> UInt8? {
    let digit = c &- 0x30
    if digit < 10 { return digit }
    let letter = (c | 0x20) &- 0x61
    return letter < 6 ? letter + 10 : nil
  }

  // The name may arrive split at any byte, so that it is recognised by a running FNV-1a hash.
  private static let hashStart: UInt64 = 0xCBF2_9CE4_8422_2325

  private static func hash(_ h: UInt64, _ c: UInt8) -> UInt64 {
    // `_` stands for `-` where servers make variables of names.
    let folded = c == 0x5F ? 0x2D : c >= 0x41 && c <= 0x5A ? c | 0x20 : c
    return (h ^ UInt64(folded)) &* 0x100_0000_01B3
  }

  /// Fields that steer framing, routing, authentication or the handling of the content (RFC 9110 §6.5.1), and those by
  /// which a proxy tells who the client is.
  private static let forbiddenHashes: Set<UInt64> = Set(
    [
      "content-length", "transfer-encoding", "host", "connection", "te", "upgrade", "trailer", "keep-alive",
      "proxy-connection", "authorization", "proxy-authorization", "cookie", "set-cookie", "forwarded",
      "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "via", "expect", "content-type",
      "content-encoding", "content-range", "range", "max-forwards", "cache-control", "location",
      "x-forwarded-port", "x-forwarded-prefix", "x-forwarded-server", "x-forwarded-scheme", "x-forwarded-ssl",
      "x-real-ip", "early-data", "client-cert", "client-cert-chain", "x-client-cert-san",
      "x-client-cert-subject",
    ].map { $0.utf8.reduce(hashStart, hash) })

  /// Whether a field has no place among trailers; its name's case does not matter.
  package static func isForbiddenTrailer(_ name: UnsafePointer<UInt8>, _ length: Int) -> Bool {
    var value = hashStart
    for i in 0..<length { value = unsafe hash(value, name[i]) }
    return forbidden(value)
  }

  /// One bit for each of the hashes, by their lowest eight: most names are told apart by it.
  private static let forbiddenBits: SIMD4<UInt64> = forbiddenHashes.reduce(into: .zero) { bits, hash in
    bits[Int(hash >> 6 & 3)] |= 1 << (hash & 63)
  }

  private static func forbidden(_ hash: UInt64) -> Bool {
    forbiddenBits[Int(hash >> 6 & 3)] >> (hash & 63) & 1 == 1 && forbiddenHashes.contains(hash)
  }
}
