import EventLoop
import TestSupport
import TestRun
import Testing

/// The wheel beside a model that remembers every deadline plainly.
private struct WheelModel: ~Copyable {
  static let tick = TimerWheel.tickMilliseconds
  var wheel: TimerWheel
  var now: UInt64
  let nodes: UnsafeMutablePointer<TimerNode>
  let count: Int
  /// For each armed timer its deadline, and the moment from which it may fire.
  var armed: [Int: (deadline: UInt64, from: UInt64)] = [:]

  init(count: Int, now: UInt64) {
    self.count = count
    self.now = now
    wheel = TimerWheel(nowMilliseconds: now)
    nodes = .allocate(capacity: count)
    for i in 0..<count {
      (nodes + i).initialize(to: TimerNode(owner: Token(kind: 1, index: UInt32(i), generation: 0)))
    }
  }

  deinit { nodes.deallocate() }

  mutating func set(_ i: Int, _ deadline: UInt64) {
    wheel.set(nodes + i, deadline: deadline)
    armed[i] = (deadline, max(deadline, now))
  }

  /// Moves on and tells which timers fired, having checked that none was early and none is left too late.
  mutating func advance(to time: UInt64) -> [Int] {
    now = time
    var due: [UnsafeMutablePointer<TimerNode>] = []
    wheel.advance(nowMilliseconds: time, &due)
    let fired = due.map { Int($0.pointee.owner.index) }
    for i in fired {
      let timer = armed.removeValue(forKey: i)
      #expect(timer != nil, "timer \(i) fired without being set")
      if let timer { #expect(timer.deadline <= time, "timer \(i) was early") }
    }
    for (i, timer) in armed { #expect(timer.from + Self.tick > time, "timer \(i) is late at \(time)") }
    return fired
  }
}

@Suite(.ownThread) struct TimerWheelTests {
  private static let turn = TimerWheel.tickMilliseconds * 1024

  @Test("a timer fires once, never early and at most a tick late")
  func fires() {
    var model = WheelModel(count: 1, now: 1000)
    model.set(0, 5000)
    #expect(model.advance(to: 4999) == [])
    #expect(model.advance(to: 5064) == [0])
    #expect(model.advance(to: 500_000) == [])
  }

  @Test("a deadline that has passed already fires within a tick")
  func past() {
    var model = WheelModel(count: 1, now: 10_000)
    model.set(0, 3)
    #expect(model.advance(to: 10_064) == [0])
  }

  @Test("a deadline many turns of the wheel ahead is kept")
  func far() {
    var model = WheelModel(count: 2, now: 0)
    model.set(0, 10 * Self.turn + 17)
    model.set(1, 3_600_000)
    var fired: [Int] = []
    for now in stride(from: UInt64(0), through: 3_601_000, by: 500) { fired += model.advance(to: now) }
    #expect(fired == [0, 1])
  }

  @Test("after a stall of several turns all that is due fires, and what is not due fires in time later")
  func stall() {
    var model = WheelModel(count: 3, now: 0)
    model.set(0, 100)
    model.set(1, 5 * Self.turn + 5000)
    model.set(2, 5 * Self.turn + 90_000)
    #expect(model.advance(to: 5 * Self.turn) == [0])
    #expect(model.advance(to: 5 * Self.turn + 4999) == [])
    #expect(model.advance(to: 5 * Self.turn + 5064) == [1])
    #expect(model.advance(to: 5 * Self.turn + 90_064) == [2])
  }

  @Test("a stopped or removed timer does not fire, and may be set again")
  func stopped() {
    var model = WheelModel(count: 2, now: 0)
    model.set(0, 1000)
    model.set(1, 1000)
    model.wheel.disarm(model.nodes)
    model.wheel.remove(model.nodes + 1)
    model.armed = [:]
    #expect(model.advance(to: 2000) == [])
    model.set(0, 3000)
    model.set(1, 3000)
    #expect(model.advance(to: 3064).sorted() == [0, 1])
  }

  @Test("an empty wheel needs no wake-up, a disarmed timer's place may cause one")
  func nextWake() {
    var model = WheelModel(count: 1, now: 0)
    #expect(model.wheel.nextWakeMilliseconds(now: 0) == nil)
    model.set(0, 640)
    #expect(model.wheel.nextWakeMilliseconds(now: 0) == 704)
    #expect(model.wheel.nextWakeMilliseconds(now: 10_000) == 0)
  }

  @Test(
    "random timers, moves, stops and stalls behave as in a plain model",
    arguments: 1...12 as ClosedRange<UInt64>)
  func random(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var model = WheelModel(count: 60, now: UInt64.random(in: 0...1_000_000, using: &random))
    for _ in 0..<4000 {
      let i = Int.random(in: 0..<model.count, using: &random)
      switch Int.random(in: 0..<12, using: &random) {
      case 0:
        model.wheel.disarm(model.nodes + i)
        model.armed[i] = nil
      case 1:
        model.wheel.remove(model.nodes + i)
        model.armed[i] = nil
      case 2...6:
        let reach: UInt64 = [100, 2000, Self.turn, 4 * Self.turn].randomElement(using: &random) ?? 0
        model.set(i, model.now + UInt64.random(in: 0...reach, using: &random))
      default:
        let long = Int.random(in: 0..<40, using: &random) == 0
        let step = UInt64.random(in: 0...(long ? 5 * Self.turn : 300), using: &random)
        _ = model.advance(to: model.now + step)
        let latest = model.armed.values.map { $0.from + WheelModel.tick }.min()
        let wake = model.wheel.nextWakeMilliseconds(now: model.now)
        if let latest { #expect(wake.map { model.now + $0 <= latest } == true, "it would sleep too long") }
      }
    }
  }
}
