import HTTP2
import TestSupport

extension FuzzTarget {
  static let http2 = [true, false].map { isServer in
    FuzzTarget(isServer ? "http2-server" : "http2-client") { bytes in
      let whole = play(bytes, isServer, pieces: bytes.count)
      let pieces = play(bytes, isServer, pieces: 7)
      require(whole == pieces, "frames in pieces are not what they are as a whole: \(whole) and \(pieces)")
    }
  }

  /// What an owner saw of a connection that was fed some bytes.
  private static func play(_ bytes: [UInt8], _ isServer: Bool, pieces: Int) -> [String] {
    let owner = Owner(isServer: isServer, chance(bytes))
    let input = isServer ? Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + bytes : bytes
    var (pending, at) = ([UInt8](), 0)
    while at < input.count, !owner.hasFailed {
      let next = min(max(1, pieces), input.count - at)
      pending += input[at..<at + next]
      at += next
      guarded(pending) { base in pending.removeFirst(owner.read(base, pending.count)) }
    }
    return owner.seen
  }
}

/// Does with a connection what the proxy does: takes requests and answers them, sends requests, gives windows back, resets.
private final class Owner {
  private var connection: HTTP2.Connection
  private let isServer: Bool
  private var random: SeededGenerator
  private var streams: [UnsafeMutablePointer<StreamState>] = []
  private let output = UnsafeMutablePointer<UInt8>.allocate(capacity: 80_000)
  private let head = UnsafeMutablePointer<UInt8>.allocate(capacity: 65_536)
  private var now: UInt64 = 1000
  private(set) var seen: [String] = []
  private(set) var hasFailed = false

  init(isServer: Bool, _ random: SeededGenerator) {
    self.isServer = isServer
    self.random = random
    connection = HTTP2.Connection(isServer: isServer, limits: ConnectionLimits(), headCapacity: 65_536)
    connection.output.lend(output, capacity: 80_000)
    connection.headBuffer = head
    connection.start()
    guard !isServer else { return }
    for _ in 0..<3 {
      let stream = fresh()
      connection.open(stream)
      write(
        stream, .request(isSecure: true, acceptsTrailers: true), "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        isLast: true)
    }
  }

  deinit {
    connection.free()
    for stream in streams { stream.deallocate() }
    output.deallocate()
    head.deallocate()
  }

  private func fresh() -> UnsafeMutablePointer<StreamState> {
    let stream = UnsafeMutablePointer<StreamState>.allocate(capacity: 1)
    stream.initialize(to: StreamState())
    streams.append(stream)
    return stream
  }

  private func write(
    _ stream: UnsafeMutablePointer<StreamState>, _ kind: HTTP2.Connection.HeadKind, _ text: String,
    isLast: Bool
  ) {
    let bytes = Array(text.utf8)
    bytes.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      _ = connection.writeHead(stream, kind, base, buffer.count, isLast: isLast)
    }
    connection.output.clear()
  }

  /// How many bytes were dealt with.
  func read(_ base: UnsafePointer<UInt8>, _ count: Int) -> Int {
    var (consumed, turns) = (0, 0)
    while true {
      turns += 1
      require(turns <= 2 * count + 16, "more events than bytes")
      let event = connection.next(base, count, consumed: &consumed, now: now)
      require(consumed <= count, "more consumed than there is")
      switch event {
      case .needMore: return consumed
      case .outputFull: connection.output.clear()
      case .head(let section): take(section)
      case .data(let stream, _, let size, let isLast):
        seen.append("data \(stream.pointee.id) \(size) \(isLast)")
        connection.take(stream, size)
      case .reset(let stream, let code, let byPeer):
        seen.append("reset \(stream.pointee.id) \(code) \(byPeer)")
      case .refused(let code): seen.append("refused \(code)")
      case .writable, .settings, .pingAnswered: break
      case .goAway(let last, let code): seen.append("goaway \(last) \(code)")
      case .failed(let code, let flood):
        seen.append("failed \(code) \(flood.map { "\($0)" } ?? "")")
        hasFailed = true
        return count
      }
      connection.output.clear()
    }
  }

  private func take(_ section: DecodedHead) {
    seen.append("head \(section.id) \(section.count) \(section.isTrailers) \(section.isLast)")
    require(section.isTooLarge || section.count <= 65_536, "a head beyond its buffer")
    guard section.stream == nil else { return }
    let stream = fresh()
    connection.accept(section, as: stream)
    switch random.next() % 4 {
    case 0: connection.reset(stream, .cancel)
    case 1: write(stream, .response, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", isLast: true)
    case 2: write(stream, .response, "HTTP/1.1 200 OK\r\n\r\n", isLast: false)
    default: break
    }
  }
}
