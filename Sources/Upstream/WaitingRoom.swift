/// Requests that wait until a backend of their service has room: who is next, and who goes when no more may wait. Pure: it
/// knows no clock and no thread, and allocates only while it grows.
///
/// - Requests that a backend has failed already come first, in their order, at any backend but those that failed them.
/// - Then comes the most urgent class; but of `mostPassedOver` + 1 in a row at least one is of each class that waits.
/// - Within a class keys take turns by tokens (deficit round robin): `turnTokens` a turn, each request costing what it has,
///   within `costs`.
/// - When it is full, a more urgent request takes the place of the last of the key that has most waiting in the least urgent
///   class (of several the one that came to have so many last); one as urgent does if its own key has fewer.
/// - Coming, going and finding out whose place is taken cost the same however many wait, and of however many keys.
public struct WaitingRoom: Sendable {
  /// One that waits, as whoever has put it there knows it.
  public struct Waiter: Sendable, Equatable, BitwiseCopyable {
    /// Which worker's it is.
    public var worker: Int
    /// Where that worker finds it.
    public var place: UInt64
    /// When it came, in microseconds.
    public var sinceMicroseconds: UInt64
    /// Tells it from everybody who has been here before.
    public internal(set) var ticket = Ticket()
    /// Somebody who has not come in yet.
    public init(worker: Int, place: UInt64, sinceMicroseconds: UInt64) {
      self.worker = worker
      self.place = place
      self.sinceMicroseconds = sinceMicroseconds
    }
  }

  /// Whom a place belongs to; a place that is given to somebody else gets another one.
  public struct Ticket: Sendable, Equatable, BitwiseCopyable {
    var node: Int32 = -1
    var generation: UInt32 = 0
    /// Nobody's.
    public init() {}
    /// Whether it was given to anybody.
    public var isNone: Bool { node < 0 }
  }

  /// What a request's turn depends on.
  public struct Claim: Sendable, BitwiseCopyable {
    /// Whose it is; all without a key share one turn.
    public var key: UInt64 = 0
    /// 0 for high, 1 for normal, 2 and more for low.
    public var priority: UInt8 = 1
    /// What it costs.
    public var tokens = 0
    /// Backends that have failed it; with any it comes before those that none has had.
    public var avoids = Avoided()
    /// One of normal urgency, without a key.
    public init() {}
  }

  /// A few backends, by any number that tells them apart.
  public struct Avoided: Sendable, BitwiseCopyable {
    /// The most that are kept; who has tried more waits no more.
    public static let capacity = 4
    private var backends = InlineArray<4, UInt>(repeating: 0)
    /// How many there are.
    public private(set) var count = 0
    /// None.
    public init() {}
    /// One more. False when there is no room for it.
    @discardableResult
    public mutating func insert(_ backend: UInt) -> Bool {
      guard count < Self.capacity else { return false }
      backends[count] = backend
      count += 1
      return true
    }
    /// Whether it is one of them.
    public func contains(_ backend: UInt) -> Bool {
      for index in 0..<count where backends[index] == backend { return true }
      return false
    }
  }

  /// What came of coming in.
  public enum Entry: Sendable, Equatable {
    /// It waits.
    case entered(Ticket)
    /// It waits in the place of another one, who waits no more.
    case tookPlace(Ticket, of: Waiter)
    /// There is no place.
    case full
  }

  /// How often in a row a class may be passed over for a more urgent one.
  public static let mostPassedOver = 8
  /// What a key may take with each of its turns, in tokens.
  public static let turnTokens = 2048
  /// What one request costs at least and at most, in tokens: one without a prompt is not for nothing, and a turn comes after a
  /// bounded number of rounds.
  public static let costs = 256...32_768

  private struct Node {
    var waiter = Waiter(worker: 0, place: 0, sinceMicroseconds: 0)
    var avoids = Avoided()
    var cost = 0
    var flow: Int32 = -1
    var next: Int32 = -1
    var previous: Int32 = -1
    var generation: UInt32 = 0
  }

  /// What waits of one key in one class.
  private struct Flow {
    var key: UInt64 = 0
    var level = 0
    var first: Int32 = -1
    var last: Int32 = -1
    var count = 0
    var deficit = 0
    var next: Int32 = -1
    var previous: Int32 = -1
    /// Among those of its class that have as many waiting.
    var nextEqual: Int32 = -1
    var previousEqual: Int32 = -1
  }

  /// Those of one urgency: keys in the order of their turns.
  private struct Level {
    var first: Int32 = -1
    var last: Int32 = -1
    var count = 0
    var passedOver = 0
    var flows: [UInt64: Int32] = [:]
    /// Keys by how many they have waiting, the one that came to it last first.
    var byCount: [Int32] = [-1]
    /// The most that any key has.
    var most = 0
  }

  private var nodes: [Node] = []
  private var freeNodes: [Int32] = []
  private var flows: [Flow] = []
  private var freeFlows: [Int32] = []
  /// What has failed once, then the classes.
  private var levels = [Level](repeating: Level(), count: 4)
  private static let again = 0
  /// How many wait.
  public private(set) var count = 0

  /// Nobody waits.
  public init() {}

  // MARK: Coming and going

  /// Somebody comes, where at most `capacity` may wait.
  public mutating func enter(_ waiter: Waiter, _ claim: Claim, capacity: Int) -> Entry {
    let level = claim.avoids.count > 0 ? Self.again : 1 + Int(min(claim.priority, 2))
    let key = level == Self.again ? 0 : claim.key
    guard count >= capacity else { return .entered(add(waiter, claim, level, key)) }
    guard capacity > 0, let last = whoseTurnIsLast(for: level, key) else { return .full }
    let gone = nodes[Int(last)].waiter
    remove(last)
    return .tookPlace(add(waiter, claim, level, key), of: gone)
  }

  /// Somebody goes. False when that was so already: it has been told to, by `next` or for another one.
  public mutating func leave(_ ticket: Ticket) -> Bool {
    guard ticket.node >= 0, Int(ticket.node) < nodes.count,
      nodes[Int(ticket.node)].generation == ticket.generation, nodes[Int(ticket.node)].flow >= 0
    else { return false }
    remove(ticket.node)
    return true
  }

  /// Who gets the room that a backend has; it waits no more.
  public mutating func next(for backend: UInt) -> Waiter? {
    if let found = firstFailed(for: backend) { return take(found) }
    var chosen: Int?
    for level in (1..<levels.count).reversed() where levels[level].count > 0 {
      if levels[level].passedOver >= Self.mostPassedOver {
        chosen = level
        break
      }
      chosen = level
    }
    guard let chosen else { return nil }
    let found = nextTurn(chosen)
    for level in chosen + 1..<levels.count where levels[level].count > 0 { levels[level].passedOver += 1 }
    levels[chosen].passedOver = 0
    return take(found)
  }

  private func firstFailed(for backend: UInt) -> Int32? {
    guard levels[Self.again].first >= 0 else { return nil }
    var at = flows[Int(levels[Self.again].first)].first
    while at >= 0, nodes[Int(at)].avoids.contains(backend) { at = nodes[Int(at)].next }
    return at >= 0 ? at : nil
  }

  /// The first of the key whose turn it is, which is charged for it.
  private mutating func nextTurn(_ level: Int) -> Int32 {
    while true {
      let flow = levels[level].first
      let node = flows[Int(flow)].first
      let cost = nodes[Int(node)].cost
      if flows[Int(flow)].deficit >= cost {
        flows[Int(flow)].deficit -= cost
        return node
      }
      flows[Int(flow)].deficit += Self.turnTokens
      unlink(flow: flow)
      link(flow: flow)
    }
  }

  /// Whose place one of that class may take.
  private func whoseTurnIsLast(for level: Int, _ key: UInt64) -> Int32? {
    for other in (max(level, 1)..<levels.count).reversed() where levels[other].count > 0 {
      let most = levels[other].most
      let longest = levels[other].byCount[most]
      if other == level {
        let own = levels[level].flows[key].map { flows[Int($0)].count } ?? 0
        guard most > own + 1 else { return nil }
      }
      return flows[Int(longest)].last
    }
    return nil
  }

  private mutating func take(_ node: Int32) -> Waiter {
    let waiter = nodes[Int(node)].waiter
    remove(node)
    return waiter
  }

  // MARK: Links

  private mutating func add(_ waiter: Waiter, _ claim: Claim, _ level: Int, _ key: UInt64) -> Ticket {
    let flow = flow(level, key)
    if freeNodes.isEmpty {
      nodes.append(Node())
      freeNodes.append(Int32(nodes.count - 1))
    }
    let node = freeNodes.removeLast()
    var made = Node()
    made.generation = nodes[Int(node)].generation &+ 1
    made.waiter = waiter
    made.waiter.ticket.node = node
    made.waiter.ticket.generation = made.generation
    made.avoids = claim.avoids
    made.cost = min(max(claim.tokens, Self.costs.lowerBound), Self.costs.upperBound)
    made.flow = flow
    made.previous = flows[Int(flow)].last
    nodes[Int(node)] = made
    if made.previous >= 0 {
      nodes[Int(made.previous)].next = node
    } else {
      flows[Int(flow)].first = node
    }
    flows[Int(flow)].last = node
    setCount(flow, flows[Int(flow)].count + 1)
    levels[level].count += 1
    count += 1
    return made.waiter.ticket
  }

  private mutating func remove(_ node: Int32) {
    let (flow, next, previous) = (
      nodes[Int(node)].flow, nodes[Int(node)].next, nodes[Int(node)].previous
    )
    if previous >= 0 { nodes[Int(previous)].next = next } else { flows[Int(flow)].first = next }
    if next >= 0 { nodes[Int(next)].previous = previous } else { flows[Int(flow)].last = previous }
    nodes[Int(node)].flow = -1
    freeNodes.append(node)
    let level = flows[Int(flow)].level
    setCount(flow, flows[Int(flow)].count - 1)
    levels[level].count -= 1
    count -= 1
    if levels[level].count == 0 { levels[level].passedOver = 0 }
    guard flows[Int(flow)].count == 0 else { return }
    // Who has nothing waiting saves nothing up.
    unlink(flow: flow)
    levels[level].flows[flows[Int(flow)].key] = nil
    freeFlows.append(flow)
  }

  private mutating func flow(_ level: Int, _ key: UInt64) -> Int32 {
    if let known = levels[level].flows[key] { return known }
    if freeFlows.isEmpty {
      flows.append(Flow())
      freeFlows.append(Int32(flows.count - 1))
    }
    let flow = freeFlows.removeLast()
    flows[Int(flow)] = Flow(key: key, level: level, deficit: Self.turnTokens)
    levels[level].flows[key] = flow
    link(flow: flow)
    return flow
  }

  /// So many of a key wait from here on.
  private mutating func setCount(_ flow: Int32, _ count: Int) {
    let (level, before) = (flows[Int(flow)].level, flows[Int(flow)].count)
    if before > 0 {
      let (next, previous) = (flows[Int(flow)].nextEqual, flows[Int(flow)].previousEqual)
      if previous >= 0 {
        flows[Int(previous)].nextEqual = next
      } else {
        levels[level].byCount[before] = next
      }
      if next >= 0 { flows[Int(next)].previousEqual = previous }
    }
    flows[Int(flow)].count = count
    if count > 0 {
      if count == levels[level].byCount.count { levels[level].byCount.append(-1) }
      let next = levels[level].byCount[count]
      flows[Int(flow)].nextEqual = next
      flows[Int(flow)].previousEqual = -1
      if next >= 0 { flows[Int(next)].previousEqual = flow }
      levels[level].byCount[count] = flow
    }
    // One step at most: whoever had most has one fewer now.
    if count > levels[level].most { levels[level].most = count }
    if levels[level].byCount[levels[level].most] < 0 { levels[level].most -= 1 }
  }

  /// Puts a key behind all others of its class.
  private mutating func link(flow: Int32) {
    let level = flows[Int(flow)].level
    let last = levels[level].last
    flows[Int(flow)].previous = last
    flows[Int(flow)].next = -1
    if last >= 0 { flows[Int(last)].next = flow } else { levels[level].first = flow }
    levels[level].last = flow
  }

  private mutating func unlink(flow: Int32) {
    let level = flows[Int(flow)].level
    let (next, previous) = (flows[Int(flow)].next, flows[Int(flow)].previous)
    if previous >= 0 { flows[Int(previous)].next = next } else { levels[level].first = next }
    if next >= 0 { flows[Int(next)].previous = previous } else { levels[level].last = previous }
  }
}
