import TestSupport
import TestRun
import Testing

@testable import HTTP2

/// Whatever arrives, in whatever pieces: nothing traps, and pieces change nothing.
@Suite(.ownThread) struct HostileBytesTests {
  /// A connection with lent memory, fed from a guarded copy of the bytes that holds nothing behind them.
  final class Reader {
    var connection: Connection
    private let frames = UnsafeMutablePointer<UInt8>.allocate(capacity: 1 << 16)
    private let head = UnsafeMutablePointer<UInt8>.allocate(capacity: 1 << 16)
    private var streams: [UnsafeMutablePointer<StreamState>] = []
    private var rest: [UInt8] = []
    private(set) var events: [String] = []

    init(isServer: Bool) {
      connection = Connection(isServer: isServer, limits: ConnectionLimits(), headCapacity: 1 << 16)
      connection.output.lend(frames, capacity: 1 << 16)
      connection.headBuffer = head
      connection.start()
      guard !isServer else { return }
      let stream = UnsafeMutablePointer<StreamState>.allocate(capacity: 1)
      stream.initialize(to: StreamState())
      streams.append(stream)
      connection.open(stream)
    }

    deinit {
      connection.free()
      for stream in streams { stream.deallocate() }
      frames.deallocate()
      head.deallocate()
    }

    func feed(_ bytes: ArraySlice<UInt8>) {
      rest += bytes
      var consumed = 0
      rest.withUnsafeBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return }
        while true {
          let event = connection.next(base, buffer.count, consumed: &consumed, now: 0)
          switch event {
          case .needMore: return
          case .outputFull: connection.output.clear()
          case .head(let decoded) where decoded.stream == nil && connection.isServer:
            let stream = UnsafeMutablePointer<StreamState>.allocate(capacity: 1)
            stream.initialize(to: StreamState())
            streams.append(stream)
            connection.accept(decoded, as: stream)
            events.append("request \(decoded.id) \(decoded.count) \(decoded.isLast)")
          case .head(let decoded): events.append("head \(decoded.id) \(decoded.count)")
          case .data(let stream, _, let count, let isLast):
            connection.take(stream, count)
            events.append("data \(stream.pointee.id) \(count) \(isLast)")
          case .failed(let code, _): events.append("failed \(code)")
          case .reset(let stream, let code, let byPeer):
            events.append("reset \(stream.pointee.id) \(code) \(byPeer)")
          default: events.append("other")
          }
          connection.output.clear()
        }
      }
      rest.removeFirst(consumed)
    }
  }

  /// A conversation of right frames, to be broken.
  static func conversation(_ random: inout SeededGenerator) -> [UInt8] {
    var bytes: [UInt8] = []
    func frame(_ type: UInt8, _ flags: UInt8, _ stream: UInt8, _ payload: [UInt8]) {
      bytes +=
        [0, UInt8(payload.count >> 8), UInt8(payload.count & 255), type, flags, 0, 0, 0, stream] + payload
    }
    let request: [UInt8] = [0x82, 0x86, 0x84, 0x41, 1, 0x68, 0x0F, 0x0D, 1, 0x34]
    frame(4, 0, 0, [0, 3, 0, 0, 0, 100])
    for i in 0..<UInt8(8) {
      frame(1, 4, 1 + 2 * i, request)
      frame(8, 0, 0, [0, 0, 1, 0])
      frame(6, 0, 0, random.bytes(8))
      frame(0, 1, 1 + 2 * i, random.bytes(4))
    }
    return bytes
  }

  @Test("broken conversations never trap, and mean the same whole or in pieces", arguments: [true, false])
  func mutations(isServer: Bool) {
    var random = SeededGenerator(seed: isServer ? 1 : 2)
    for _ in 0..<400 {
      var bytes = Self.conversation(&random)
      for _ in 0..<Int.random(in: 0...4, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
          in: .min ... .max, using: &random)
      }
      if isServer { bytes = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + bytes }
      let whole = Reader(isServer: isServer)
      whole.feed(bytes[...])
      let parts = Reader(isServer: isServer)
      var at = 0
      while at < bytes.count {
        let n = min(bytes.count - at, Int.random(in: 1...40, using: &random))
        parts.feed(bytes[at..<at + n])
        at += n
      }
      #expect(whole.events == parts.events)
    }
  }

  @Test("what was not broken is eight requests with their content")
  func right() {
    var random = SeededGenerator(seed: 3)
    let reader = Reader(isServer: true)
    reader.feed((Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + Self.conversation(&random))[...])
    #expect(reader.events.filter { $0.hasPrefix("request") }.count == 8)
    #expect(reader.events.filter { $0.hasPrefix("data") && $0.hasSuffix("4 true") }.count == 8)
  }

  @Test("random bytes behind the preface end the connection and nothing else", arguments: [true, false])
  func noise(isServer: Bool) {
    var random = SeededGenerator(seed: 4)
    for _ in 0..<300 {
      let reader = Reader(isServer: isServer)
      if isServer { reader.feed(Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)[...]) }
      reader.feed(random.bytes(600)[...])
      #expect(reader.events.allSatisfy { $0.hasPrefix("failed") })
    }
  }
}
