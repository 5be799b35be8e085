import TestRun
import Testing
import Upstream

/// Engines as the policy sees them, with a prompt of some blocks.
private struct Engines: Candidates {
  var states: [EngineState]
  var requests: [Int]
  var weights: [Int]
  var prompt: [UInt64] = []
  var tokens = 0
  var key: UInt64 = 0

  init(_ count: Int) {
    states = (0..<count).map { _ in EngineState() }
    requests = Array(repeating: 0, count: count)
    weights = Array(repeating: 1, count: count)
  }

  var count: Int { states.count }
  func isUsable(_ index: Int) -> Bool { true }
  func load(_ index: Int) -> Int { requests[index] }
  func weight(_ index: Int) -> Int { weights[index] }
  func wait(_ index: Int) -> UInt64 {
    let known = states[index].index.match(prompt.span) * PrefixIndex.tokensOfBlock
    return states[index].wait(uncached: tokens - known, requests: requests[index], nowMilliseconds: 0)
  }
  func fill(_ index: Int) -> Int { states[index].index.fill }
  func rank(_ index: Int) -> UInt64 { Rendezvous.rank(key, Rendezvous.hash("\(index)".utf8)) }
  var hasPrompt: Bool { !prompt.isEmpty }

  /// Chooses one, as a request without content would or one with a prompt of so many blocks from a number on.
  mutating func pick(_ prompt: ClosedRange<UInt64>? = nil) -> Int? {
    self.prompt = prompt.map(Array.init) ?? []
    tokens = self.prompt.count * PrefixIndex.tokensOfBlock
    key = self.prompt.first ?? 0
    var cursor = 0
    return Balancer.pick(.modelAware, self, cursor: &cursor, tried: BackendSet())
  }
}

@Suite("The engine that answers soonest", .ownThread)
struct ModelAwareTests {
  @Test("a prompt goes where its beginning is cached, while nobody waits there for long")
  func cached() {
    var engines = Engines(4)
    engines.states[2].index.use(Array<UInt64>(1...50).span)
    #expect(engines.pick(1...60) == 2)
    // Fifty blocks are 320 ms of reading: with more than that before it elsewhere is sooner.
    engines.requests[2] = 50
    #expect(engines.pick(1...60) == 2)
    engines.requests[2] = 70
    #expect(engines.pick(1...60) != 2)
  }

  @Test("tokens that an engine has still to read count as a wait, until they are read")
  func inFlight() {
    var engines = Engines(2)
    #expect(engines.states[0].begin(tokens: 4000, streams: false) == 0)
    #expect(engines.states[0].begin(tokens: 6000, streams: true) == 6000)
    #expect(engines.states[0].prefill == 10_000)
    #expect(engines.pick(1...2) == 1)
    engines.states[0].end(tokens: 6000, streams: true)
    engines.states[0].end(tokens: 4000, streams: false)
    engines.requests[1] = 1
    #expect(engines.pick(1...2) == 0)
  }

  @Test("an engine that reads three times slower gets a third of the tokens in flight")
  func slow() {
    var engines = Engines(2)
    for _ in 0..<200 { engines.states[0].answered(inFlight: 3333, microseconds: 1_000_000) }
    for _ in 0..<200 { engines.states[1].answered(inFlight: 10_000, microseconds: 1_000_000) }
    var sent = [0, 0]
    for prompt in 0..<400 {
      let first = UInt64(prompt) * 1000
      guard let chosen = engines.pick(first...first + 9) else { continue }
      _ = engines.states[chosen].begin(tokens: 640, streams: true)
      sent[chosen] += 1
    }
    #expect((95...105).contains(sent[0]))
  }

  @Test("one sample leads no further from what is thought of engines than four times, either way")
  func clamped() {
    let state = EngineState()
    for _ in 0..<500 { state.answered(inFlight: 1_000_000, microseconds: 1) }
    #expect(state.rate <= EngineState.priorRate * EngineState.rateSpan)
    #expect(state.rate > EngineState.priorRate * EngineState.rateSpan - 100)
    for _ in 0..<500 { state.answered(inFlight: 1000, microseconds: .max) }
    #expect(state.rate >= EngineState.priorRate / EngineState.rateSpan)
    #expect(state.rate < EngineState.priorRate / EngineState.rateSpan + 100)
  }

  @Test(
    "who waits for an engine is as patient as it is slow, however slow, and a suspension ends by itself or by progress"
  )
  func patience() {
    let state = EngineState()
    #expect(state.patience(inFlight: 10_000, wholeTokens: 0, atLeast: 3000) == 6000)
    #expect(state.patience(inFlight: 0, wholeTokens: 10, atLeast: 3000) == 4000)
    for _ in 0..<200 { state.answered(inFlight: 3000, microseconds: 10_000_000) }
    #expect(state.patience(inFlight: 3000, wholeTokens: 0, atLeast: 3000) > 30_000)
    state.suspend(nowMilliseconds: 100)
    #expect(state.isSuspended(nowMilliseconds: 101))
    #expect(!state.isSuspended(nowMilliseconds: 100 + EngineState.suspensionMilliseconds))
    state.progressed(nowMilliseconds: 102)
    #expect(!state.isSuspended(nowMilliseconds: 102))
  }

  @Test("few tokens in flight teach nothing")
  func tooFew() {
    let state = EngineState()
    state.answered(inFlight: EngineState.leastSample, microseconds: 1)
    #expect(state.rate == EngineState.priorRate)
  }

  @Test("unrelated prompts are spread over idle engines by what is used of their caches")
  func unrelated() {
    var engines = Engines(4)
    var chosen = [0, 0, 0, 0]
    for prompt in 0..<15 {
      let first = UInt64(prompt) * 10_000
      guard let place = engines.pick(first...first + 1599) else { continue }
      engines.states[place].index.use(engines.prompt.span)
      chosen[place] += 1
    }
    #expect(chosen.sorted() == [3, 4, 4, 4])
  }

  @Test("cold prompts fall on the same engine at every node, and few move when engines come")
  func rendezvous() {
    var moved = 0
    for prompt in 0..<1000 {
      var few = Engines(4)
      var more = Engines(5)
      let first = UInt64(prompt) &* 0x9E37_79B9_7F4A_7C15
      let before = few.pick(first...first)
      #expect(before == few.pick(first...first))
      let after = more.pick(first...first)
      if after != before { moved += 1 }
      #expect(after == before || after == 4)
    }
    #expect((120...280).contains(moved))
  }

  @Test("requests without a prompt go to idle engines in turn, and past busy ones")
  func noPrompt() {
    var engines = Engines(3)
    var cursor = 0
    let turns = (0..<4).map { _ in Balancer.pick(.modelAware, engines, cursor: &cursor, tried: BackendSet()) }
    #expect(turns == [0, 1, 2, 0])
    engines.requests = [2, 1, 3]
    #expect(engines.pick() == 1)
  }

  @Test("a heavier engine takes a longer wait")
  func weights() {
    var engines = Engines(2)
    engines.weights = [1, 3]
    engines.requests = [1, 2]
    #expect(engines.pick() == 1)
    engines.requests = [1, 4]
    #expect(engines.pick() == 0)
  }
}
