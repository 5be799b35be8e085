import TestRun
import TestSupport
import Testing
import Upstream

/// The same rules, written without care for how long they take.
private struct PlainRoom {
  struct One {
    var place: UInt64
    var key: UInt64
    var level: Int
    var cost: Int
    var avoids: [UInt]
  }

  var waiting: [One] = []
  var turns: [[UInt64]] = [[], [], [], []]
  var deficits: [[UInt64: Int]] = [[:], [:], [:], [:]]
  var passedOver = [0, 0, 0, 0]
  /// When the number of a key's last changed.
  var changed: [[UInt64: Int]] = [[:], [:], [:], [:]]
  var changes = 0

  mutating func change(_ one: One) {
    changes += 1
    changed[one.level][one.key] = changes
  }

  func of(_ level: Int, _ key: UInt64? = nil) -> [One] {
    waiting.filter { $0.level == level && (key == nil || $0.key == key) }
  }

  /// Who goes for it, if somebody has to; nil when it may not come in.
  mutating func enter(_ one: One, capacity: Int) -> UInt64?? {
    var gone: UInt64?
    if waiting.count >= capacity {
      guard capacity > 0, let other = (max(1, one.level)...3).last(where: { !of($0).isEmpty }) else {
        return .none
      }
      let counts = turns[other].map { of(other, $0).count }
      let most = counts.max() ?? 0
      if other == one.level, most <= of(one.level, one.key).count + 1 { return .none }
      let longest = turns[other].filter { of(other, $0).count == most }
      let key = longest.max { changed[other][$0, default: 0] < changed[other][$1, default: 0] } ?? 0
      gone = of(other, key).last?.place
      if let gone { _ = leave(gone) }
    }
    if of(one.level, one.key).isEmpty {
      turns[one.level].append(one.key)
      deficits[one.level][one.key] = WaitingRoom.turnTokens
    }
    waiting.append(one)
    change(one)
    return .some(gone)
  }

  mutating func leave(_ place: UInt64) -> Bool {
    guard let at = waiting.firstIndex(where: { $0.place == place }) else { return false }
    let one = waiting.remove(at: at)
    change(one)
    if of(one.level, one.key).isEmpty { turns[one.level].removeAll { $0 == one.key } }
    if of(one.level).isEmpty { passedOver[one.level] = 0 }
    return true
  }

  mutating func next(for backend: UInt) -> UInt64? {
    if let failed = of(0).first(where: { !$0.avoids.contains(backend) }) {
      _ = leave(failed.place)
      return failed.place
    }
    let there = (1...3).filter { !of($0).isEmpty }
    guard let urgent = there.first else { return nil }
    let level = there.last { passedOver[$0] >= WaitingRoom.mostPassedOver } ?? urgent
    for other in there where other > level { passedOver[other] += 1 }
    passedOver[level] = 0
    while true {
      let key = turns[level][0]
      guard let one = of(level, key).first else { return nil }
      if deficits[level][key, default: 0] >= one.cost {
        deficits[level][key, default: 0] -= one.cost
        _ = leave(one.place)
        return one.place
      }
      deficits[level][key, default: 0] += WaitingRoom.turnTokens
      turns[level].append(turns[level].removeFirst())
    }
  }
}

@Suite("Waiting for a backend", .ownThread) struct WaitingRoomTests {
  private func waiter(_ place: UInt64) -> WaitingRoom.Waiter {
    .init(worker: 0, place: place, sinceMicroseconds: 0)
  }

  private func claim(key: UInt64 = 0, priority: UInt8 = 1, tokens: Int = 0, avoids: UInt...)
    -> WaitingRoom.Claim
  {
    var claim = WaitingRoom.Claim()
    (claim.key, claim.priority, claim.tokens) = (key, priority, tokens)
    for backend in avoids { claim.avoids.insert(backend) }
    return claim
  }

  private func fill(_ claims: [WaitingRoom.Claim], capacity: Int = 1000) -> WaitingRoom {
    var room = WaitingRoom()
    for (place, claim) in claims.enumerated() {
      _ = room.enter(waiter(UInt64(place)), claim, capacity: capacity)
    }
    return room
  }

  private func order(_ room: WaitingRoom, for backend: UInt = 1) -> [UInt64] {
    var room = room
    var order: [UInt64] = []
    while let next = room.next(for: backend) { order.append(next.place) }
    return order
  }

  @Test("who came first goes first where nothing tells them apart")
  func inTurn() {
    #expect(order(fill((0..<20).map { _ in claim(tokens: 5000) })) == Array(0..<20))
  }

  @Test("the urgent go first, and of nine in a row one is of each class that waits")
  func classes() {
    let claims = [claim(priority: 2)] + (0..<20).map { _ in claim(priority: 0) } + [claim(priority: 9)]
    let order = order(fill(claims))
    #expect(order.prefix(9) == [1, 2, 3, 4, 5, 6, 7, 8, 0])
    #expect(order.last == 21 || order.firstIndex(of: 21) == 17)
  }

  @Test("keys take turns by tokens: who asks for much at a time comes up less often")
  func fairness() {
    let long = (0..<20).map { _ in claim(key: 1, tokens: 8192) }
    let short = (0..<80).map { _ in claim(key: 2, tokens: 2048) }
    let first = order(fill(long + short)).prefix(50)
    let tokens = (first.filter { $0 < 20 }.count * 8192, first.filter { $0 >= 20 }.count * 2048)
    #expect(abs(tokens.0 - tokens.1) <= 8192 + 2048)
  }

  @Test("one key's crowd keeps another key's request waiting for one turn at most")
  func crowd() {
    let order = order(fill((0..<500).map { _ in claim(key: 1) } + [claim(key: 2)]))
    let turn = WaitingRoom.turnTokens / WaitingRoom.costs.lowerBound
    #expect((order.firstIndex(of: 500) ?? 1000) <= turn)
  }

  @Test("what a backend has failed comes first, at another backend")
  func failed() {
    let room = fill([claim(priority: 0), claim(avoids: 1), claim(avoids: 2), claim(avoids: 1, 2)])
    #expect(order(room, for: 1) == [2, 0])
    #expect(order(room, for: 2) == [1, 0])
    #expect(order(room, for: 3) == [1, 2, 3, 0])
  }

  @Test("a full room turns away the last of who has most there, the least urgent before all")
  func full() {
    var room = fill([claim(key: 1), claim(key: 1), claim(key: 1), claim(key: 2, priority: 2)], capacity: 4)
    let low = room.enter(waiter(10), claim(key: 1, priority: 2), capacity: 4)
    #expect(low == .full)
    guard case .tookPlace(_, let first) = room.enter(waiter(11), claim(key: 1), capacity: 4) else {
      Issue.record("the more urgent one was turned away")
      return
    }
    #expect(first.place == 3)
    let sameKey = room.enter(waiter(12), claim(key: 1), capacity: 4)
    #expect(sameKey == .full)
    guard case .tookPlace(_, let second) = room.enter(waiter(13), claim(key: 3), capacity: 4) else {
      Issue.record("one key has all places")
      return
    }
    #expect(second.place == 11 && room.count == 4)
    let none = room.enter(waiter(14), claim(priority: 0), capacity: 0)
    #expect(none == .full)
  }

  @Test("a ticket is good once, and never for who comes after")
  func tickets() {
    var room = WaitingRoom()
    guard case .entered(let old) = room.enter(waiter(1), claim(), capacity: 9) else { return }
    let (first, again) = (room.leave(old), room.leave(old))
    guard case .entered(let new) = room.enter(waiter(2), claim(), capacity: 9) else { return }
    let stale = room.leave(old)
    let called = room.next(for: 1)
    let late = room.leave(new)
    #expect(first && !again && !stale && called?.place == 2 && called?.ticket == new && !late)
    let nobody = room.leave(WaitingRoom.Ticket())
    #expect(!nobody && WaitingRoom.Ticket().isNone)
  }

  @Test("whatever happens in whatever order, it is as the rules say")
  func walks() {
    for seed in 0..<UInt64(80) {
      var random = SeededGenerator(seed: seed)
      var (room, plain) = (WaitingRoom(), PlainRoom())
      var tickets: [UInt64: WaitingRoom.Ticket] = [:]
      let capacity = Int.random(in: 0...30, using: &random)
      for place in 0..<UInt64(300) {
        switch Int.random(in: 0..<10, using: &random) {
        case 0...4:
          let avoids = (0..<(Int.random(in: 0..<8, using: &random) == 0 ? 1 : 0)).map { _ in
            UInt.random(in: 1...3, using: &random)
          }
          var claim = claim(
            key: UInt64.random(in: 0...(seed % 2 == 0 ? 3 : 12), using: &random),
            priority: UInt8.random(in: 0...2, using: &random),
            tokens: Int.random(in: 0...40_000, using: &random))
          for backend in avoids { claim.avoids.insert(backend) }
          let level = avoids.isEmpty ? 1 + Int(claim.priority) : 0
          let cost = min(max(claim.tokens, WaitingRoom.costs.lowerBound), WaitingRoom.costs.upperBound)
          let expected = plain.enter(
            .init(
              place: place, key: level == 0 ? 0 : claim.key, level: level, cost: cost, avoids: avoids),
            capacity: capacity)
          switch (room.enter(waiter(place), claim, capacity: capacity), expected) {
          case (.full, nil): break
          case (.entered(let ticket), .some(nil)): tickets[place] = ticket
          case (.tookPlace(let ticket, let gone), .some(let other?)) where gone.place == other:
            tickets[place] = ticket
          default: Issue.record("seed \(seed), \(place): entered otherwise")
          }
        case 5:
          guard let (other, ticket) = tickets.min(by: { $0.key < $1.key }) else { continue }
          tickets[other] = nil
          let (left, expected) = (room.leave(ticket), plain.leave(other))
          #expect(left == expected, "seed \(seed)")
        default:
          let backend = UInt.random(in: 1...3, using: &random)
          let (called, expected) = (room.next(for: backend), plain.next(for: backend))
          #expect(called?.place == expected, "seed \(seed), \(place)")
          if called?.place != expected { return }
        }
        #expect(room.count == plain.waiting.count)
      }
    }
  }
}

@Suite("How fast those who wait come up", .ownThread) struct DrainRateTests {
  @Test("nothing is known at first, then what is measured while others wait")
  func measured() {
    var rate = DrainRate()
    #expect(rate.seconds(waiting: 10, unknown: 7) == 7)
    #expect(rate.seconds(waiting: 10, unknown: 0) == 1)
    rate.begin(total: 100, nowMilliseconds: 1000)
    rate.update(total: 101, nowMilliseconds: 1100)
    #expect(rate.perSecond == 0)
    rate.update(total: 110, nowMilliseconds: 2000)
    #expect(rate.perSecond == 10)
    #expect(rate.seconds(waiting: 25, unknown: 7) == 3)
    #expect(rate.seconds(waiting: 0, unknown: 7) == 1)
    #expect(rate.seconds(waiting: 100_000, unknown: 7) == DrainRate.maximumSeconds)
  }

  @Test("it follows what has become of it, and idle times say nothing")
  func follows() {
    var rate = DrainRate()
    rate.begin(total: 0, nowMilliseconds: 0)
    rate.update(total: 10, nowMilliseconds: 1000)
    rate.begin(total: 10, nowMilliseconds: 3_600_000)
    #expect(rate.perSecond == 10)
    for second in UInt64(1)...60 {
      rate.update(total: 10 + second * 2, nowMilliseconds: 3_600_000 + second * 1000)
    }
    #expect(rate.perSecond > 1.9 && rate.perSecond < 2.1)
  }
}
