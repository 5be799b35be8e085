/// What a policy decides by: the backends of one service as they are at this moment.
public protocol Candidates {
  /// How many there are; what lies beyond `Balancer.maximumBackends` is not looked at.
  var count: Int { get }
  /// Whether a request may be sent to it.
  func isUsable(_ index: Int) -> Bool
  /// The exchanges under way, and what counts like some; what is negative counts as none.
  func load(_ index: Int) -> Int
  /// Its share; what lies outside `Balancer.weights` is taken for the nearest.
  func weight(_ index: Int) -> Int
  /// How long the request would wait there for its first token, in microseconds.
  func wait(_ index: Int) -> UInt64
  /// How much of what is remembered of its cache is in use, in parts of `PrefixIndex.wholeFill`.
  func fill(_ index: Int) -> Int
  /// The place of the request there among others: the same on every machine.
  func rank(_ index: Int) -> UInt64
  /// Whether there is a prompt that engines may know.
  var hasPrompt: Bool { get }
  /// What requests have in common that belong together, as a hash; 0 where nothing is known.
  var key: UInt64 { get }
  /// The place of that key there among others: the same on every machine.
  func keyRank(_ index: Int) -> UInt64
  /// How long answers have taken of late, in microseconds.
  func latency(_ index: Int) -> UInt64
  /// Where keys fall; nil where no policy goes by them.
  var keyTable: Unmanaged<KeyTable>? { get }
  /// How much more than its share one may have of what is under way before others get its keys, in percent; 0 for no limit.
  var balanceFactor: Int { get }
}

extension Candidates {
  /// Where nothing is known of prompts, each request weighs the same.
  public func wait(_ index: Int) -> UInt64 { UInt64(clamping: load(index)) }
  /// Nothing is remembered.
  public func fill(_ index: Int) -> Int { 0 }
  /// None before another.
  public func rank(_ index: Int) -> UInt64 { 0 }
  /// There is none.
  public var hasPrompt: Bool { false }
  /// There is none.
  public var key: UInt64 { 0 }
  /// None before another.
  public func keyRank(_ index: Int) -> UInt64 { 0 }
  /// Nothing is known.
  public func latency(_ index: Int) -> UInt64 { 0 }
  /// There is none.
  public var keyTable: Unmanaged<KeyTable>? { nil }
  /// The default.
  public var balanceFactor: Int { KeyTable.defaultBalanceFactor }
}

/// Where keys fall among candidates: each goes to the one with the highest rank, and stays there while others come and go
/// (rendezvous hashing).
public enum Rendezvous {
  /// The rank of a key at a candidate of that name's hash.
  @inline(__always)
  public static func rank(_ key: UInt64, _ candidate: UInt64) -> UInt64 { mix(key ^ mix(candidate)) }

  /// A hash of a name, the same on every machine.
  public static func hash(_ name: some Sequence<UInt8>) -> UInt64 {
    mix(name.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 })
  }

  @inline(__always)
  static func mix(_ value: UInt64) -> UInt64 {
    var value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
    return value ^ value >> 31
  }
}

/// The candidates that a request may go to, looked at once.
struct Choice<Of: Candidates> {
  let all: Of
  let count: Int
  private(set) var usable = BackendSet()
  /// The sum of their weights.
  private(set) var totalWeight: UInt64 = 0
  private var lightest = UInt64.max
  private var heaviest: UInt64 = 0

  @inline(__always)
  init(_ all: Of, tried: BackendSet) {
    self.all = all
    count = max(0, min(all.count, Balancer.maximumBackends))
    for index in 0..<count where !tried.contains(index) && all.isUsable(index) {
      usable.insert(index)
      let own = weight(index)
      totalWeight += own
      lightest = min(lightest, own)
      heaviest = max(heaviest, own)
    }
  }

  /// Without one of them. Whether all weigh the same is said of those before.
  mutating func leaveOut(_ index: Int) {
    guard usable.contains(index) else { return }
    usable.remove(index)
    totalWeight -= weight(index)
  }

  /// Whether all weigh the same.
  var isEven: Bool { lightest == heaviest }

  @inline(__always)
  func weight(_ index: Int) -> UInt64 {
    UInt64(min(max(all.weight(index), Balancer.weights.lowerBound), Balancer.weights.upperBound))
  }

  /// Times a weight it stays far below overflow.
  @inline(__always)
  func load(_ index: Int) -> UInt64 { UInt64(min(max(all.load(index), 0), 1 << 40)) }
}
