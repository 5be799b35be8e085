import TestPeers
import OS
import Proxy
import Synchronization
import Telemetry
import TestRun
import Testing
import Upstream

@Suite("Abuse of HTTP/2", .ownThread, .serialized) struct HTTP2AbuseTests {
  struct Row: Sendable, CustomTestStringConvertible {
    let attack: Attack
    /// The counter that must tell of it; nil where nothing has to be stopped.
    let counter: Counter?
    var testDescription: String { attack.rawValue }
  }

  static let rows: [Row] = [
    Row(attack: .rapidReset, counter: .h2RapidResets), Row(attack: .madeReset, counter: .h2MadeResets),
    Row(attack: .continuation, counter: .h2ContinuationFloods),
    Row(attack: .emptyContinuation, counter: .h2ContinuationFloods),
    Row(attack: .settings, counter: .h2SettingsFloods), Row(attack: .ping, counter: .h2PingFloods),
    Row(attack: .emptyData, counter: .h2EmptyFrameFloods),
    Row(attack: .emptyDataOnClosed, counter: .h2EmptyFrameFloods),
    Row(attack: .pongs, counter: .h2ControlFloods),
    Row(attack: .zeroWindow, counter: .h2ZeroWindowStalls),
    Row(attack: .windowUpdates, counter: .h2ControlFloods),
    Row(attack: .priorities, counter: .h2ControlFloods),
    Row(attack: .compressionBomb, counter: nil), Row(attack: .largeHeaders, counter: nil),
  ]

  @Test("while it goes on others are answered, and it is counted", arguments: rows)
  func attack(_ row: Row) async throws {
    let stop = Stop()
    try await HTTP2Edge.serve(nil, { $0.limits.sendTimeout = 300 }) { edge in
      let address = edge.proxy.addresses[0]
      let before = row.counter.flatMap { edge.proxy.counters[$0] } ?? 0
      async let attacked: Void = OwnThread.run {
        while !stop.isSet {
          guard let attacker = try? HTTP2Connection(to: address) else { continue }
          row.attack.play(on: attacker)
        }
      }
      let problems = try await OwnThread.run {
        defer { stop.set() }
        return Result { try Self.goodClient(edge, row.counter, before) }
      }
      let told = try problems.get()
      #expect(told == [])
      try await attacked
    }
  }

  private final class Stop: Sendable {
    private let state = Mutex(false)
    var isSet: Bool { state.withLock { $0 } }
    func set() { state.withLock { $0 = true } }
  }

  /// Asks over HTTP/1.1 and HTTP/2 until the attack is counted, fifty times at least.
  private static func goodClient(_ edge: Edge, _ counter: Counter?, _ before: UInt64) throws -> [String] {
    let (old, new) = (try edge.connect(), try edge.http2())
    guard new.start() else { return ["no settings"] }
    let deadline = Clock.monotonicNanoseconds() + 120_000_000_000
    var stream: UInt32 = 1
    while true {
      old.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
      guard old.readAnswer().body == "hello" else { return ["HTTP/1.1 is not answered"] }
      new.send(.headers(stream, HTTP2Case.get()))
      guard new.response(stream).text == "hello" else { return ["HTTP/2 is not answered: \(new.lastWord)"] }
      stream += 2
      let isCounted = counter.map { edge.proxy.counters[$0] ?? 0 > before } ?? true
      if stream > 100, isCounted { return new.violations }
      if Clock.monotonicNanoseconds() > deadline { return ["\(counter as Any) does not go up"] }
    }
  }

  @Test(
    "a flood ends its connection with ENHANCE_YOUR_CALM",
    arguments: rows.filter { $0.counter != nil && $0.attack != .zeroWindow })
  func calm(_ row: Row) async throws {
    try await HTTP2Edge.serve { edge in
      let attacker = try edge.http2()
      row.attack.play(on: attacker)
      attacker.drain()
      #expect(attacker.goAway?.code == ErrorCode.enhanceYourCalm.rawValue, "\(attacker.lastWord)")
      #expect(attacker.ending != nil, "still open: \(attacker.trace)")
    }
  }

  @Test("an answer that is not taken is given up, and its connection goes on")
  func stalled() async throws {
    try await HTTP2Edge.serve(nil, { $0.limits.sendTimeout = 300 }) { edge in
      let client = try edge.http2()
      #expect(client.start([(.initialWindowSize, 0)]))
      client.send(.headers(1, HTTP2Case.get("/big/100000")), .headers(3, HTTP2Case.get("/big/100000")))
      #expect(client.wait { $0[1].reset != nil && $0[3].reset != nil }, "\(client.trace)")
      client.send(.settings([(.initialWindowSize, 65_535)]), .headers(5, HTTP2Case.get()))
      #expect(client.response(5).text == "hello" && client.violations == [])
    }
  }

  @Test("requests reset at once leave nothing behind at the backend")
  func nothingLeft() async throws {
    let backend = try Backend(Origin.serve)
    try await HTTP2Edge.serve(HTTP2Edge.settings(backend.target)) { edge in
      let client = try edge.http2()
      #expect(client.start())
      for number in 0..<100 {
        let stream = UInt32(number) * 2 + 1
        client.send(.headers(stream, HTTP2Case.get("/hold")), .reset(stream))
      }
      #expect(client.goesOn())
      client.send(.headers(201, HTTP2Case.get()))
      #expect(client.response(201).text == "hello")
    }
    // It returns when each of the backend's connections has been closed by the proxy.
    #expect(backend.finish().count <= 101)
  }

  @Test("a header section beyond the limit is refused with 431, and the connection goes on")
  func tooLarge() async throws {
    try await HTTP2Edge.serve { edge in
      let client = try edge.http2()
      #expect(client.start())
      let block = HTTP2Case.large(100_000)
      client.send(.headers(1, Array(block.prefix(16_384)), complete: false))
      for at in stride(from: 16_384, to: block.count, by: 16_384) {
        let end = min(at + 16_384, block.count)
        client.send(.continuation(1, Array(block[at..<end]), complete: end == block.count))
      }
      let answer = client.response(1)
      #expect(answer.status == 431 || client.goAway != nil, "\(client.trace)")
      if client.goAway == nil {
        client.send(.headers(3, HTTP2Case.get()))
        #expect(client.response(3).text == "hello")
      }
      #expect(client.violations == [])
    }
  }

  @Test("a connection that begins and says nothing more is closed, and so is half a preface")
  func slow() async throws {
    try await HTTP2Edge.serve(
      nil,
      {
        $0.limits.headerTimeout = 300
        $0.limits.keepaliveTimeout = 300
        $0.limits.requestBodyIdleTimeout = 300
      }
    ) { edge in
      let half = try edge.http2()
      half.wire.write(Array(Frame.preface.prefix(10)))
      half.drain()
      #expect(half.ending != nil, "half a preface is waited for")
      let silent = try edge.http2()
      silent.start()
      silent.drain()
      #expect(silent.ending != nil && silent.goAway?.code == 0, "\(silent.trace)")
      let unfinished = try edge.http2()
      unfinished.start()
      unfinished.send(.headers(1, HTTP2Case.get(), complete: false))
      unfinished.drain()
      #expect(unfinished.ending != nil, "an unfinished header block is waited for")
      let content = try edge.http2()
      content.start()
      content.send(.headers(1, HTTP2Case.post(), end: false), .data(1, HTTP2Case.hello))
      content.wait { $0[1].isOver || $0.goAway != nil }
      #expect(
        content[1].reset != nil || content[1].status == 408 || content.goAway != nil, "\(content.trace)")
    }
  }
}
