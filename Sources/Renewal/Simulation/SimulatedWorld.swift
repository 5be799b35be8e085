import Bytes
import Synchronization

/// The clocks, the chance and the process's life in a simulation: one thing happens after another.
final class SimulatedWorld: Sendable {
  struct State {
    /// What time it is, really.
    var time: UnixTime
    /// How far this machine's clock is ahead.
    var clockError: Int64 = 0
    var generator: SeededGenerator
    /// Whether the process has been killed: nothing that it does takes effect any more.
    var isDead = false
    var kills = 0
    /// Steps until the next kill.
    var stepsToLive: Int
  }

  /// On average one of so many steps is a process's last one.
  static let stepsPerLife = 20_000

  private let state: Mutex<State>

  init(time: UnixTime, seed: UInt64) {
    var generator = SeededGenerator(seed)
    let life = generator.below(2 * Self.stepsPerLife) + 1
    state = Mutex(State(time: time, generator: generator, stepsToLive: life))
  }

  var time: UnixTime { state.withLock { $0.time } }
  /// What this machine's clock shows.
  var wall: UnixTime { state.withLock { $0.time + $0.clockError } }
  var clockError: Int64 { state.withLock { $0.clockError } }
  var isDead: Bool { state.withLock { $0.isDead } }
  var kills: Int { state.withLock { $0.kills } }

  func random() -> Double { state.withLock { $0.generator.unit() } }
  func below(_ bound: Int) -> Int { state.withLock { $0.generator.below(bound) } }
  func advance(_ seconds: Int64) { state.withLock { $0.time = $0.time + seconds } }
  func advance(to time: UnixTime) { state.withLock { $0.time = max($0.time, time) } }
  func setClockError(_ seconds: Int64) { state.withLock { $0.clockError = seconds } }

  struct Killed: Error {}

  /// One instruction of the process: throws once it has been killed, which may be now.
  func step() throws(Killed) {
    let isDead = state.withLock { state in
      guard !state.isDead else { return true }
      state.stepsToLive -= 1
      guard state.stepsToLive <= 0 else { return false }
      state.isDead = true
      state.kills += 1
      return true
    }
    if isDead { throw Killed() }
  }

  /// The process is started again.
  func revive() {
    state.withLock { state in
      state.isDead = false
      state.stepsToLive = state.generator.below(2 * Self.stepsPerLife) + 1
    }
  }
}

/// A generator that gives the same numbers for the same seed everywhere (SplitMix64).
struct SeededGenerator: Sendable {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// At least 0 and less than 1.
  mutating func unit() -> Double { Double(next() >> 11) / Double(1 << 53) }

  /// At least 0 and less than `bound`, which is at least 1.
  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(max(1, bound))) }
}
